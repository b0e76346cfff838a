/** What hangs on a message, with where its bytes are: which part of which raw message. */
import type { AttachmentPlace } from './conversation.ts';
import type { Db } from './tables.ts';

/** Those that the message's own HTML may show, by their Content-ID; none of a message with malware. Index: attachment_message. */
export const inlineAttachments = (db: Db, messageId: number): Promise<AttachmentPlace[]> =>
  db
    .selectFrom('attachment')
    .innerJoin('message', 'message.id', 'attachment.message_id')
    .innerJoin('inbound', 'inbound.id', 'message.inbound_id')
    .selectAll('attachment')
    .select('inbound.raw_hash')
    .where('attachment.message_id', '=', messageId)
    .where('attachment.content_id', 'is not', null)
    .where('message.malware', 'is', null)
    .orderBy('attachment.id')
    .execute();
