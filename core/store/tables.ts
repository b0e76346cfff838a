/**
 * Every table of Parley as a type: what a row holds, in the units it holds it. A row keeps its column names, so that
 * grep finds both ends. Times are integer milliseconds since 1970; flags are 0 or 1; `Json` columns hold JSON text
 * (jsonb on PostgreSQL) and pass through `json.ts`. Ids stay below 2^53. The DDL is in `migrations.ts`.
 */
import type { MembershipTables } from './tables-membership.ts';
import type { PeopleTables } from './tables-people.ts';
import type { PressureTables } from './tables-pressure.ts';
import type { Generated, Insertable, Kysely, Selectable, Updateable } from 'kysely';
import type { EventKind } from './event-kind.ts';

/** The handle that every store function takes first: a reader, or the transaction that `store.write` hands out. */
export type Db = Kysely<Tables>;
/** JSON as text, written and read by `json.ts` alone. */
export type Json = string;

export type Row<T extends keyof Tables> = Selectable<Tables[T]>;
export type NewRow<T extends keyof Tables> = Insertable<Tables[T]>;
export type RowPatch<T extends keyof Tables> = Updateable<Tables[T]>;

/** Where one recipient's message stands; the one transition table is in `queue.ts`. */
export type DeliveryState =
  | 'queued' // waits for its time or for room
  | 'active' // claimed by a node, until `lease_until`
  | 'deferred' // a temporary refusal; waits for the next attempt
  | 'held' // a person or a rule keeps it back
  | 'delivered' // the receiver answered 250; terminal
  | 'bounced' // refused for good in session; terminal
  | 'expired' // too old after enough attempts; terminal
  | 'cancelled' // a person took it back; terminal
  | 'suppressed'; // the address may not be mailed; terminal

export type Lane = 'transactional' | 'bulk';
export type OriginKind = 'campaign' | 'journey' | 'message' | 'test' | 'submission';

export type CampaignState =
  'draft' | 'scheduled' | 'blocked' | 'queueing' | 'sending' | 'paused' | 'sent' | 'cancelled';
/** `pause` stops bulk mail as `marketing` does, until its end; it stands beside what somebody said for good. */
export type SuppressionScope = 'everything' | 'marketing' | 'pause' | `list:${number}` | `brand:${number}`;
export type SuppressionReason =
  | 'hard-bounce'
  | 'complaint'
  | 'unsubscribe'
  | 'unsubscribe-in-words'
  | 'manual'
  | 'import'
  | 'left-company'
  | 'pause';

/** Why a provider blocks a source; each is looked at again in its own way (core/sending/recheck.ts). */
export type BlockCause = 'listing' | 'policy' | 'authentication';

export type VerdictKind =
  | 'reply'
  | 'autoreply'
  | 'bounce'
  | 'delayed'
  | 'delivered'
  | 'complaint'
  | 'dmarc'
  | 'dmarc-failure'
  | 'tlsrpt'
  | 'unsubscribe'
  | 'read-receipt'
  | 'challenge'
  | 'list'
  | 'spam'
  | 'unreadable'
  | 'other';

export type Role = 'owner' | 'admin' | 'marketer' | 'agent' | 'deliverability' | 'viewer';

export type QueueOrderKind = 'hold' | 'cancel' | 'purge' | 'reroute' | 'retry' | 'drain';
export type QueueOrderBy =
  'campaign' | 'credential' | 'destination' | 'site' | 'provider' | 'source' | 'pool';

/** One message to one recipient: a reference, not a copy. */
interface DeliveryColumns<Id> {
  id: Id;
  lane: Lane;
  origin_kind: OriginKind;
  origin_id: number;
  /** Unique with the origin: the contact id, or the recipient's place in a message. No one is mailed twice. */
  recipient_key: string;
  contact_id: number | null;
  address: string;
  domain_id: number;
  sending_domain_id: number;
  pool: string;
  state: DeliveryState;
  due_at: number;
  queued_at: number;
  attempt: number;
  lease_owner: string | null;
  lease_until: number | null;
  template_version_id: number | null;
  /** Frozen by the first claim: merge values used, date, boundary seed. */
  fill: Json | null;
  source_id: number | null;
  message_id: string | null;
  /** The receiver's last words, sanitised. */
  last_code: number | null;
  last_enhanced: string | null;
  last_reply: string | null;
  last_mx: string | null;
  last_attempt_at: number | null;
  /** Bounce class name, once there is one. */
  class: string | null;
  reason: string | null;
  finished_at: number | null;
  /** Delivered, then bounced: when the DSN came. */
  bounced_after_at: number | null;
  /** The smarthost that took it: what the recipient's provider said of it is then not known. */
  via: string | null;
}

export interface Tables extends MembershipTables, PeopleTables, PressureTables {
  // ── installation ──────────────────────────────────────────────────────────────────────────────────────────────
  setting: { key: string; value: Json; updated_at: number };
  /** Sealed secrets (core/secrets.ts): token keys and the like; DKIM keys are in dkim_key. */
  secret: {
    id: Generated<number>;
    purpose: string;
    sealed: Uint8Array;
    created_at: number;
    retired_at: number | null;
  };
  lease: { name: string; holder: string; until: number };
  job: {
    id: Generated<number>;
    kind: string;
    payload: Json;
    state: 'ready' | 'running' | 'done' | 'failed';
    run_at: number;
    attempts: number;
    lease_until: number | null;
    error: string | null;
    created_at: number;
  };

  // ── people who work here ──────────────────────────────────────────────────────────────────────────────────────
  user: {
    id: Generated<number>;
    email: string;
    name: string;
    password_hash: string | null;
    role: Role;
    language: 'fr' | 'en';
    theme: 'system' | 'light' | 'dark';
    created_at: number;
    disabled_at: number | null;
  };
  /** `id` is the SHA-256 of the cookie's random 256 bits. */
  session: {
    id: string;
    user_id: number;
    csrf: string;
    created_at: number;
    last_seen_at: number;
    expires_at: number;
    ip: string;
    agent: string;
  };
  /** One-time links: first owner, invitation, password reset. `id` is the SHA-256 of the token. */
  one_time_link: {
    id: string;
    purpose: 'owner' | 'invitation' | 'reset';
    user_id: number | null;
    role: Role | null;
    created_at: number;
    expires_at: number;
    used_at: number | null;
  };
  /** A program's right to submit mail: an SMTP login or an API key. Its secret was shown once. */
  credential: {
    id: Generated<number>;
    name: string;
    kind: 'smtp' | 'api';
    /** What SMTP logs in with, and the public first half of an API key. */
    username: string;
    /** SHA-256 of 256 random bits: a slow hash protects only what people choose. */
    secret_hash: string;
    brand_id: number | null;
    /** Addresses and @domains that may stand in From: string[]. */
    senders: Json;
    /** What an API key may do: ('mail' | 'events')[]. */
    scopes: Generated<Json>;
    /** Recipients a day; 0: no cap. */
    daily_cap: number;
    /** Addresses never mailed before, in any hour, from which it is held; 0: no brake. */
    new_recipients_per_hour: number;
    /** Share of hard bounces from which it is held; 0: no brake. */
    bounce_percent: number;
    state: 'active' | 'held' | 'revoked';
    reason: string;
    changed_at: number;
    created_by: number | null;
    created_at: number;
    last_used_at: number | null;
  };
  /** What it sent on a day (the time divided by 86,400,000). */
  credential_day: { credential_id: number; day: number; messages: number; recipients: number };
  /** Addresses that were mailed by submission, and who mailed them first. By hash: only "known or not" is asked. */
  mailed_address: { hash: string; credential_id: number; at: number };
  audit: {
    id: Generated<number>;
    at: number;
    user_id: number | null;
    action: string;
    subject: string;
    detail: Json;
  };

  // ── identity: brands, domains, keys, sources ──────────────────────────────────────────────────────────────────
  brand: {
    id: Generated<number>;
    name: string;
    language: 'fr' | 'en';
    /** Postal identity that every campaign must carry. */
    postal_address: string;
    created_at: number;
  };
  /** A From domain of ours. Bounces come to `bounce_host`, tokenised replies to `reply_host`; both have our MX. */
  sending_domain: {
    id: Generated<number>;
    brand_id: number;
    name: string;
    bounce_host: string;
    reply_host: string;
    created_at: number;
    checked_at: number | null;
    check: Json | null;
  };
  dkim_key: {
    id: Generated<number>;
    sending_domain_id: number;
    selector: string;
    algorithm: 'rsa-sha256' | 'ed25519-sha256';
    /** PKCS#8 DER, sealed. Empty once it is retired: by then nothing is left that it could have to sign again. */
    sealed: Uint8Array;
    /** The TXT record's value. */
    record: string;
    /**
     * pending: its record is not yet known to stand in the DNS. active: signs. retiring: signs only what was frozen with
     * it, and its record must stay. retired: the record may go.
     */
    state: 'pending' | 'active' | 'retiring' | 'retired';
    created_at: number;
    activated_at: number | null;
    /** Pending: when the DNS was last asked, and since when every answer had the record. */
    looked_at: number | null;
    seen_at: number | null;
    retiring_at: number | null;
  };
  /** An egress source: one local IP and its EHLO name. `paused` is the one row that stops it. */
  source: {
    id: Generated<number>;
    name: string;
    ip: string;
    ehlo: string;
    paused: number;
    note: string;
    created_at: number;
    /** Set aside by the server itself, with the reason: others go on, and it is tried again at `aside_until`. */
    aside_since: number | null;
    aside_until: number | null;
    aside_reason: string | null;
    /** The machine where its address cannot be used; empty: it is the address itself, wherever it is. */
    aside_host: Generated<string>;
    /** The last look at its address and names (core/source-check.ts). */
    checked_at: number | null;
    check: Json | null;
  };
  /** Which addresses a stream of mail leaves from. `delivery.pool` and `campaign.pool` are its name. */
  pool: {
    id: Generated<number>;
    name: string;
    stream: 'marketing' | 'transactional';
    /** Null: of all brands. */
    brand_id: number | null;
    smarthost_id: number | null;
    smarthost_mode: 'off' | 'share' | 'failover' | 'always';
    /** Of a hundred messages, with the mode `share`. */
    smarthost_share: number;
    note: string;
    created_at: number;
  };
  source_pool: { source_id: number; pool_id: number; weight: number };
  /** Somebody else's server that takes our mail to the world, with a name and a password. */
  smarthost: {
    id: Generated<number>;
    name: string;
    host: string;
    port: number;
    /** TLS from the first byte, or by STARTTLS, without which nothing is sent; `none` on this machine alone. */
    tls: 'implicit' | 'starttls' | 'none';
    /** 0: its certificate is not checked, on this machine alone. */
    verify: number;
    username: string;
    /** The password, sealed (core/secrets.ts). */
    sealed: Uint8Array | null;
    max_connections: number;
    messages_per_connection: number;
    messages_per_minute: number;
    paused: number;
    aside_since: number | null;
    aside_until: number | null;
    aside_reason: string | null;
    tested_at: number | null;
    test: Json | null;
    note: string;
    created_at: number;
    /** Its name stays on what went through it. */
    removed_at: number | null;
  };

  // ── people we write to ────────────────────────────────────────────────────────────────────────────────────────
  contact: {
    id: Generated<number>;
    /** Lower-cased, IDN in A-labels; unique. */
    email: string;
    email_domain: string;
    first_name: string;
    last_name: string;
    language: string;
    timezone: string | null;
    external_id: string | null;
    /** Custom fields by name; see `field`. */
    fields: Json;
    tags: Json;
    tracking: 'none' | 'hygiene' | 'full';
    /** Of those who agreed to that much: the day (time divided by 86,400,000) on which they last opened something. */
    last_open_day: number | null;
    created_at: number;
    updated_at: number;
    last_human_reply_at: number | null;
    reply_intent_last: string | null;
    away_until: number | null;
    soft_bounces: number;
    source: string;
    /** How often at most they want to hear of us, as they chose it. */
    max_frequency: Generated<'all' | 'weekly' | 'monthly'>;
    /** When each value was true, by the name of its column or of `fields.NAME`: an older word never replaces it. */
    set_at: Generated<Json>;
    /** Where they work, as far as an address tells; null: addresses of everybody's providers only. */
    company_domain: Generated<string | null>;
  };
  /** A hit on a link or on the picture, for about a minute: then a person's or a machine's event was made of it. */
  tracking_hit: {
    id: Generated<number>;
    delivery_id: number;
    at: number;
    /** 0: the picture. */
    link: number;
    /** `HitFacts` of core/tracking/hit.ts: neither address nor agent. */
    facts: Json;
    judged: Generated<number>;
  };
  field: {
    id: Generated<number>;
    name: string;
    label: string;
    kind: 'text' | 'number' | 'boolean' | 'date' | 'choice' | 'json';
    created_at: number;
  };
  list: {
    id: Generated<number>;
    name: string;
    brand_id: number;
    description: string;
    created_at: number;
    /** Offered to everybody on the preference page, not only to those who are on it. */
    is_public: Generated<number>;
  };
  list_member: {
    list_id: number;
    contact_id: number;
    status: 'subscribed' | 'pending' | 'unsubscribed';
    since: number;
    source: string;
  };
  /** Append-only: who agreed to what purpose, when, how, to which text. */
  consent: {
    id: Generated<number>;
    contact_id: number;
    purpose: string;
    /** Refused: the box was there and stayed empty. */
    state: 'given' | 'withdrawn' | 'refused';
    method: string;
    source: string;
    /** Exactly what they read. */
    text: string;
    /** SHA-256 of it; empty in rows older than the column. */
    text_hash: Generated<string>;
    form_id: Generated<number | null>;
    form_version: Generated<number | null>;
    language: Generated<string>;
    ip: Generated<string>;
    agent: Generated<string>;
    evidence: Json;
    at: number;
  };
  /** What people may agree to. `name` is what consents and segments call it; the description stands beside the box. */
  purpose: {
    id: Generated<number>;
    name: string;
    name_fr: string;
    name_en: string;
    description_fr: string;
    description_en: string;
    created_at: number;
    /** No new form offers it. */
    retired_at: number | null;
  };
  /** A sign-up form: its page is /f/public_id. */
  form: {
    id: Generated<number>;
    public_id: string;
    name: string;
    brand_id: number;
    list_id: number;
    /** Names of purposes, in their order: string[]. */
    purposes: Json;
    /** Fields that are asked beside the address: string[]. */
    fields: Json;
    /** { fr, en: { title, intro, button, done } } */
    texts: Json;
    privacy_url: string;
    /** Where a confirmed person is sent; empty: our own page. */
    redirect: string;
    /** Grows with every change of what is shown. */
    version: number;
    active: number;
    created_at: number;
    updated_at: number;
  };
  /** Somebody filled a form in. Nothing is theirs until the link in the mail is confirmed. */
  signup: {
    id: Generated<number>;
    form_id: number;
    form_version: number;
    email: string;
    language: string;
    fields: Json;
    /** { purpose, state, text }[] as the form showed and got them. */
    consents: Json;
    ip: string;
    agent: string;
    asked_at: number;
    /** Null: no mail was sent, since that address had enough of them. */
    mailed_at: number | null;
    confirmed_at: number | null;
  };
  segment: {
    id: Generated<number>;
    name: string;
    definition: Json;
    created_at: number;
    updated_at: number;
  };
  /** Active while `lifted_at` is null; one active row for (address, scope). */
  suppression: {
    id: Generated<number>;
    address: string;
    scope: SuppressionScope;
    reason: SuppressionReason;
    contact_id: number | null;
    delivery_id: number | null;
    /** The message that says so, when there is one. */
    inbound_id: number | null;
    evidence: string;
    created_by: number | null;
    created_at: number;
    lifted_by: number | null;
    lifted_at: number | null;
    /** Of a pause: when it is lifted by itself. */
    until: Generated<number | null>;
  };
  /** Who was erased, as a keyed hash of the address: their objection outlives them, and no import brings them back. */
  erasure: { hash: string; at: number; made_by: number | null; counts: Json };
  import: {
    id: Generated<number>;
    file_name: string;
    /** Where the uploaded file lies, below the data directory. */
    path: string;
    file_hash: string;
    mapping: Json;
    list_id: number | null;
    consent: Json;
    update_existing: number;
    state: 'ready' | 'running' | 'done' | 'failed';
    bytes_total: number;
    /** The resume point: rows already committed. Commits together with its rows. */
    rows_done: number;
    created: number;
    updated: number;
    duplicates: number;
    unchanged: number;
    failed: number;
    error: string | null;
    created_by: number | null;
    created_at: number;
    finished_at: number | null;
  };
  import_error: {
    id: Generated<number>;
    import_id: number;
    line: number;
    column_name: string;
    reason: string;
    raw: string;
  };

  // ── campaigns ─────────────────────────────────────────────────────────────────────────────────────────────────
  campaign: {
    id: Generated<number>;
    name: string;
    state: CampaignState;
    brand_id: number;
    sending_domain_id: number | null;
    from_name: string;
    /** Local part of the From address at the sending domain. */
    from_local: string;
    /** The mailbox where replies are read. */
    mailbox_id: number | null;
    subject: string;
    preheader: string;
    html: string;
    text: string;
    /** { lists: number[], segments: number[], excludeSegments: number[], excludeOpenConversations: boolean } */
    audience: Json;
    /** The list that an unsubscribe leaves; null means marketing as a whole. */
    list_id: number | null;
    template_version_id: number | null;
    pool: string;
    scheduled_at: number | null;
    started_at: number | null;
    finished_at: number | null;
    /** Fan-out: the last contact id queued; commits with its slice. Null until begun. */
    fanout_cursor: number | null;
    fanout_done_at: number | null;
    /** Pause, checked at claim and before RCPT. */
    paused: number;
    cancelled_at: number | null;
    /** Each person's best hour within so many hours of the start; null: everybody as soon as may be. */
    best_hours: Generated<24 | 168 | null>;
    /** What the last examination before a start found: { at, ready, checks: the red ones }. */
    preflight: Json | null;
    /** { checks: ids, reason, by, at }: the red checks that somebody answers for. */
    override: Json | null;
    created_by: number | null;
    created_at: number;
    updated_at: number;
  };
  /** A campaign that stopped at one provider while it goes on elsewhere. */
  campaign_stop: {
    id: Generated<number>;
    campaign_id: number;
    /** A provider's id, or the site where the provider is not one that we know (`placeOf`). */
    provider: string;
    reason: 'hard-bounces' | 'complaints' | 'block' | 'rule' | 'person';
    state: 'stopped' | 'slower' | 'cancelled' | 'released';
    /** What was counted when it stopped. */
    attempts: number;
    hard: number;
    complaints: number;
    /** The receiver's words, most telling last: string[]. */
    replies: Json;
    /** How fast it went there until then. */
    pace_per_hour: number;
    at: number;
    stopped_by: number | null;
    released_at: number | null;
    released_by: number | null;
    /** How fast it may go there from the release on. */
    rate_per_hour: number | null;
  };
  /** Immutable: what was frozen when send was pressed. Templates of journeys and tests come here too. */
  template_version: {
    id: Generated<number>;
    campaign_id: number | null;
    subject: string;
    preheader: string;
    html: string;
    text: string;
    from_name: string;
    from_address: string;
    /** Local part and host for replies; the token goes between. Null: plain Reply-To is absent. */
    reply_to: string;
    sending_domain_id: number;
    list_id: number | null;
    /** The rest that the message is a function of: list name, links, tracking. */
    settings: Json;
    created_at: number;
  };

  // ── the queue ─────────────────────────────────────────────────────────────────────────────────────────────────
  /** A recipient domain, resolved to its site (the MX set that domains share) and provider. */
  domain: {
    id: Generated<number>;
    name: string;
    site: string | null;
    provider: string | null;
    resolved_at: number | null;
    /** A person's hold on the destination. */
    held: number;
  };
  /** Live: what waits, is on its way, or ended a short while ago. */
  delivery: DeliveryColumns<Generated<number>>;
  /** Ended, and out of the way of what waits. Same columns, same id. */
  delivery_retired: DeliveryColumns<number>;
  /** Both together: what every reader of finished mail asks. */
  any_delivery: DeliveryColumns<number>;
  /**
   * A hand on the queue: one row, obeyed at once at claim and before RCPT (mta/stops.ts); the deliveries follow in slices.
   * Open until `done_at`; a hold until it is released and all of its deliveries are back.
   */
  queue_order: {
    id: Generated<number>;
    kind: QueueOrderKind;
    by_kind: QueueOrderBy;
    /** Of a campaign, credential, destination or source. */
    target_id: number | null;
    /** Its name as it was, the site, the provider, or the pool. */
    target: string;
    /** Of a re-route. */
    to_pool: string | null;
    reason: string;
    /** Null: at the command line. */
    made_by: number | null;
    made_at: number;
    /** Deliveries up to this one; a hold takes later ones too. */
    upto_id: number;
    /** How many it found when it was made. */
    expected: number;
    moved: number;
    /** Of a hold: all of it has stepped aside. Of a drain: nothing of the source is on the wire any more. */
    settled_at: number | null;
    released_at: number | null;
    released_by: number | null;
    done_at: number | null;
  };
  /** What was said in an attempt that did not deliver, without bodies. */
  attempt_transcript: { delivery_id: number; number: number; at: number; lines: string };
  attempt: {
    id: Generated<number>;
    delivery_id: number;
    number: number;
    at: number;
    source_id: number | null;
    mx: string;
    ip: string;
    tls: string;
    outcome: 'started' | 'delivered' | 'deferred' | 'bounced' | 'withheld' | 'dropped';
    code: number | null;
    enhanced: string | null;
    reply: string;
    class: string | null;
    ms: number;
    /** The smarthost that was spoken with, instead of the recipient's provider. */
    via: string | null;
  };
  /** Why a site gets less for now: a reply rule or a person. One row per (source, site). */
  /** Hosts that offer STARTTLS and cannot do it, until when they are sent to in clear. */
  tls_memory: { host: string; until: number; reason: string; at: number };
  /** What recipient domains ask of us by MTA-STS (RFC 8461). */
  mta_sts_policy: {
    domain: string;
    /** The id of the DNS record under which it was fetched. */
    policy_id: string;
    mode: 'enforce' | 'testing' | 'none';
    /** string[]: names and patterns. */
    mx: Json;
    max_age_s: number;
    fetched_at: number;
    expires_at: number;
    /** As it came, for reports. */
    body: string;
    failed_at: number | null;
    failure: string | null;
  };
  /** How TLS sessions ended, a day (the time divided by 86,400,000) at a time (RFC 8460). */
  tls_result: {
    day: number;
    /** The recipient domain, whose policy it was. */
    domain: string;
    policy: 'tlsa' | 'sts' | 'no-policy-found';
    policy_id: string;
    mx: string;
    /** `success`, or a name of RFC 8460 4.3. */
    result: string;
    sessions: number;
    /** Of the last one. */
    detail: string;
    last_at: number;
  };

  throttle: {
    id: Generated<number>;
    source_id: number;
    site: string;
    /** Id of `config/providers.ts`; null as written by an older version: then the site's domains tell. */
    provider: string | null;
    kind: 'slow' | 'one-connection' | 'suspended' | 'blocked';
    rule: string;
    reply: string;
    since: number;
    /** Null of a block: it waits for a green look or for a person. */
    until: number | null;
    /** Of a block: what is held against us. */
    cause: BlockCause | null;
    /** Of a block: what its receiver needs to hear, as `BlockFacts`. */
    facts: Json | null;
    /** When the last message was sent to see whether the block still stands. */
    probed_at: number | null;
    /** The last look at our own facts, as `Recheck`. */
    checked_at: number | null;
    check: Json | null;
  };
  /** A team's own numbers over those of `config/provider-table.ts`; null in a column: as in the table. */
  shaping_override: {
    id: Generated<number>;
    /** A provider's id, or a site. */
    place: string;
    /** Null: all sources. */
    source_id: number | null;
    connections: number | null;
    messages_per_connection: number | null;
    rate_messages: number | null;
    rate_per_ms: number | null;
    tls: 'opportunistic' | 'required' | null;
    note: string;
    set_by: number | null;
    at: number;
  };
  /** A team's own rules for replies, asked before those of `config/provider-rules.ts`. */
  shaping_rule: {
    id: Generated<number>;
    /** A provider's id; empty: everywhere. */
    place: string;
    /** Words with `*` for anything between; never a regular expression. */
    pattern: string;
    /** A `RuleAction`. */
    action: Json;
    times: number;
    within_ms: number;
    for_ms: number;
    sample: string;
    note: string;
    set_by: number | null;
    at: number;
  };

  /** How often a provider says that an address does not exist: its own usual. `hour` is the time divided by 3,600,000. */
  provider_hour: { provider: string; hour: number; attempts: number; unknown: number };
  /** A provider that says it far more often than usual: a fault of theirs, most likely. */
  provider_incident: {
    id: Generated<number>;
    provider: string;
    opened_at: number;
    attempts: number;
    unknown: number;
    usual_attempts: number;
    usual_unknown: number;
    replies: Json;
    closed_at: number | null;
    closed_by: number | null;
    outcome: 'over' | 'forgiven' | 'suppressed' | null;
  };
  /** Hard bounces of an incident: they suppress nobody until it is decided. */
  bounce_quarantine: {
    id: Generated<number>;
    incident_id: number;
    address: string;
    contact_id: number | null;
    delivery_id: number | null;
    evidence: string;
    at: number;
    decided_at: number | null;
    decided_by: number | null;
    decision: 'suppressed' | 'forgiven' | null;
  };

  // ── how fast we may grow, and what providers answered ─────────────────────────────────────────────────────────
  /** One source's warm-up at one provider (core/sending/warmup.ts). `sent` counts the claims of `day`, a local midnight. */
  warmup: {
    source_id: number;
    provider: string;
    plan: Json;
    step: number;
    state: 'running' | 'paused' | 'warm';
    idle_days: number;
    day: number;
    sent: number;
    started_at: number;
    updated_at: number;
  };
  /** A day that is over, as it was judged. */
  warmup_day: {
    source_id: number;
    provider: string;
    day: number;
    step: number;
    cap: number | null;
    sent: number;
    deferred: number;
    blocked: number;
    complaints: number;
    verdict: 'clean' | 'dirty' | 'idle';
  };
  /** Attempts of half an hour, counted by answer. 0 and '' stand for none: they are part of the key. */
  answer_slot: {
    slot: number;
    source_id: number;
    provider: string;
    outcome: string;
    code: number;
    class: string;
    answers: number;
    /** Sum over the attempts. */
    ms: number;
    /** The words of one of them. */
    reply: string;
  };
  /** What was foretold of a campaign when it started (core/campaign/planner.ts). */
  campaign_forecast: { campaign_id: number; made_at: number; body: Json };

  // ── submitted mail ────────────────────────────────────────────────────────────────────────────────────────────
  /** One message that a program handed in. Its deliveries have the credential as origin, and `id.place` as recipient_key. */
  submission: {
    id: Generated<number>;
    /** msg_…, what the program knows it by. */
    public_id: string;
    credential_id: number;
    via: 'smtp' | 'api';
    sending_domain_id: number;
    /** Where the program wants to hear of failures; never on the wire to the receiver. */
    envelope_from: string;
    from_address: string;
    subject: string;
    /** With <>. */
    message_id: string;
    tags: Json;
    metadata: Json;
    /** Row of raw_message: the message as it leaves, without signatures. */
    raw_hash: string;
    size: number;
    smtputf8: number;
    /** RFC 8689: it goes to hosts with proved TLS that promise the same, or not at all. */
    require_tls: Generated<number>;
    send_at: number;
    created_at: number;
    cancelled_at: number | null;
  };
  submission_tag: { credential_id: number; tag: string; submission_id: number };
  submission_recipient: {
    submission_id: number;
    place: number;
    address: string;
    /** Null when it was refused. */
    delivery_id: number | null;
    refused: string | null;
  };
  /** What a request with this key was answered; committed with its messages. */
  idempotency_key: {
    credential_id: number;
    key: string;
    body_hash: string;
    answer: Json;
    created_at: number;
  };
  /** Who is told what happened. Reads the event log from `cursor`; nothing is queued for it. */
  webhook: {
    id: Generated<number>;
    name: string;
    url: string;
    sealed: Uint8Array;
    /** Event kinds: string[]; empty: all of submitted mail. */
    kinds: Json;
    state: 'active' | 'disabled';
    reason: string;
    /** The last event that was taken. */
    cursor: number;
    /** A batch on its way ends with this event: a retry repeats the same batch. */
    upto: number | null;
    failures: number;
    failing_since: number | null;
    next_at: number;
    created_by: number | null;
    created_at: number;
  };
  webhook_attempt: {
    id: Generated<number>;
    webhook_id: number;
    /** webhook-id of the request. */
    delivery: string;
    events: number;
    at: number;
    ok: number;
    status: number | null;
    ms: number;
    answer: string;
  };

  // ── what happened ─────────────────────────────────────────────────────────────────────────────────────────────
  event: {
    id: Generated<number>;
    kind: EventKind;
    at: number;
    contact_id: number | null;
    campaign_id: number | null;
    delivery_id: number | null;
    conversation_id: number | null;
    inbound_id: number | null;
    data: Json;
  };
  /** Calls of programs that were taken, so that a repeated one changes nothing. */
  event_message: {
    /** A hash of the credential and the messageId. */
    id: string;
    /** When it came, as a day since 1970. */
    day: number;
  };
  /** Whom programs speak of by their own names, also before we know an address. */
  person_key: {
    id: Generated<number>;
    kind: 'user' | 'anonymous';
    key: string;
    /** Of an anonymous one: the user key that it turned out to be. */
    user_key_id: number | null;
    contact_id: number | null;
    /** Traits told before there was a contact, by name: { value, at }. */
    traits: Json;
    created_at: number;
    last_at: number;
  };
  /** Events of somebody who is no contact yet. */
  event_pending: { event_id: number; person_key_id: number };
  /** Each name of event that programs gave, with what is kept of it. */
  event_type: {
    kind: string;
    /** Of the rows that are kept. */
    count: number;
    first_at: number;
    last_at: number;
    /** Days that its events are kept; null: `events.keep_days`. */
    keep_days: number | null;
    /** Its events up to and with this one are being deleted. */
    erase_to: number | null;
  };
  /** What the properties of a kind hold, over the rows that are kept. */
  event_schema: {
    kind: string;
    /** `total`, `address.city`, `products[].sku`. */
    property: string;
    /** Rows in which it has a value. */
    filled: number;
    /** How many values of each type: { text: 12, number: 3 }. */
    types: Json;
    /** How often each value was seen; null when they are many. */
    samples: Json | null;
    last_at: number;
  };

  // ── what comes back ───────────────────────────────────────────────────────────────────────────────────────────
  mailbox: {
    id: Generated<number>;
    brand_id: number;
    name: string;
    /** The shared address staff answer from, lower-case. */
    address: string;
    signature: string;
    created_at: number;
  };
  /** Raw mail, content-addressed. Up to 256 KiB compressed in the row; larger ones are files under the data directory. */
  raw_message: {
    hash: string;
    size: number;
    encoding: 'deflate' | 'file' | 'identity';
    body: Uint8Array | null;
    created_at: number;
  };
  /** The durable inbound queue: one row per accepted message. */
  /** A mailbox elsewhere whose mail is pulled (IMAP). */
  imap_account: {
    id: Generated<number>;
    name: string;
    host: string;
    port: number;
    tls: 'implicit' | 'starttls';
    /** 0: any certificate will do. */
    verify: number;
    username: string;
    auth: 'password' | 'oauth2';
    /** Sealed JSON: the password, or client and refresh token. */
    sealed: Uint8Array | null;
    /** Of OAuth2: where a refresh token is exchanged. */
    token_url: string;
    folder: string;
    after: 'keep' | 'seen' | 'move';
    move_to: string;
    /** Whose mail it is where no recipient of ours is named. */
    mailbox_id: number;
    paused: number;
    /** RFC 3501 2.3.1.1: numbers count within it; another one means that the folder was numbered anew. */
    uid_validity: string | null;
    /** Where reading began. What lay there before stays untouched. */
    first_uid: number | null;
    last_uid: number | null;
    taken: number;
    /** Too large, or here already. */
    skipped: number;
    last_taken_at: number | null;
    /** The last look that went well. */
    checked_at: number | null;
    error: string | null;
    error_at: number | null;
    created_at: number;
    updated_at: number;
  };
  inbound: {
    id: Generated<number>;
    received_at: number;
    mail_from: string;
    rcpt_to: Json;
    remote_ip: string;
    helo: string;
    tls: string;
    size: number;
    raw_hash: string;
    state: 'received' | 'applied' | 'failed';
    attempts: number;
    lease_until: number | null;
    error: string | null;
    /** The verdict, once read. */
    kind: VerdictKind | null;
    detail_kind: string | null;
    confidence: number | null;
    /** Matched rules, for "why". */
    rules: Json | null;
    /** SPF, DKIM, DMARC, ARC as one object. */
    authentication: Json | null;
    /** verified | unverified | none: whether a valid signed token lets it act. */
    trust: 'verified' | 'unverified' | 'none' | null;
    delivery_id: number | null;
    conversation_id: number | null;
    facts: Json | null;
    applied_at: number | null;
  };
  conversation: {
    id: Generated<number>;
    mailbox_id: number;
    contact_id: number | null;
    /** Who the other side is, also when no contact row exists. */
    address: string;
    subject: string;
    state: 'open' | 'closed' | 'spam';
    /** Which view it belongs to: people's mail, or a counted side view of machine mail. */
    category: 'human' | 'autoreply' | 'bounce' | 'list' | 'unverified' | 'other';
    assignee_id: number | null;
    waiting_on: 'us' | 'them';
    unread: number;
    intent: string | null;
    campaign_id: number | null;
    delivery_id: number | null;
    /** The conversation, closed long before, that this one goes on from. */
    continues_id: Generated<number | null>;
    preview: string;
    message_count: number;
    last_message_at: number;
    created_at: number;
    closed_at: number | null;
    /** Grows with every change; live lists catch up from it. */
    version: number;
  };
  /** One turn of a conversation: received, sent by us, or a private note. */
  message: {
    id: Generated<number>;
    conversation_id: number;
    direction: 'in' | 'out' | 'note';
    kind: VerdictKind | 'answer' | 'note';
    author_id: number | null;
    from_name: string;
    from_address: string;
    to_addresses: Json;
    cc_addresses: Json;
    subject: string;
    /** Without <>, in the letters it came in: an answer's In-Reply-To must repeat it. */
    message_id: string | null;
    in_reply_to: string | null;
    references: Json;
    text: string;
    /** Segments of text: [{kind:'new'|'quoted'|'signature'|'forwarded'|'disclaimer', start, end}] */
    segments: Json;
    /** Sanitised HTML, served from its own response; null when there is none. */
    html: string | null;
    intent: string | null;
    intent_evidence: string | null;
    /** What a scanner calls it: its files are kept, marked and not handed out. */
    malware: Generated<string | null>;
    inbound_id: number | null;
    delivery_id: number | null;
    created_at: number;
  };
  /** What staff say a reply means; the message holds the words. One a message. */
  intent_correction: {
    id: Generated<number>;
    message_id: number;
    /** What the rules read, for undo; the same as `intent` when staff confirmed it against a proposal. */
    was: string;
    was_evidence: string | null;
    intent: string;
    made_by: number | null;
    made_at: number;
  };
  attachment: {
    id: Generated<number>;
    message_id: number;
    file_name: string;
    media_type: string;
    size: number;
    /** Which part of the raw message. */
    part: string;
    content_id: string | null;
  };
  /** Every Message-ID we know, ours and theirs, to its conversation or delivery. Lower-case, no <>. */
  message_identifier: {
    id: Generated<number>;
    value: string;
    conversation_id: number | null;
    delivery_id: number | null;
    created_at: number;
  };
  /** A return-path token counts once; replays are kept and counted, never acted upon again. */
  used_token: { token_hash: string; kind: string; inbound_id: number; at: number };
  /** Each message to a reply token, for a day. `sender`: a hash; `proved`: the sender is who he says. */
  reply_token_use: { token_hash: string; inbound_id: number; sender: string; proved: number; at: number };
  /** What a receiver's machine says about our mail. Data, and never more: anybody can send one. */
  report: {
    id: Generated<number>;
    kind: 'dmarc' | 'dmarc-failure' | 'tlsrpt';
    domain: string;
    /** As it calls itself. */
    organisation: string;
    report_id: string;
    contact: string;
    /** Whose mail it came in. */
    from_domain: string;
    /** The same, once DKIM or SPF proved it; empty: nothing proved it. */
    proved_by: string;
    begins_at: number;
    ends_at: number;
    /** The day of its middle (the time divided by 86,400,000). */
    day: number;
    /** Messages, or TLS sessions. */
    messages: number;
    lines: number;
    policy: Json;
    problems: Json;
    /** How often it came again. */
    copies: number;
    inbound_id: number;
    created_at: number;
  };
  /** A line of a DMARC aggregate: so many messages from an address, judged so. */
  report_source: {
    id: Generated<number>;
    report_id: number;
    day: number;
    domain: string;
    source_ip: string;
    messages: number;
    disposition: string;
    /** Passed and aligned, as the reporter judged. */
    dkim: string;
    spf: string;
    header_from: string;
    envelope_from: string;
    dkim_domain: string;
    dkim_selector: string;
    dkim_result: string;
    spf_domain: string;
    spf_result: string;
    reason: string;
  };
  /** A line of a TLS report. */
  report_tls: {
    id: Generated<number>;
    report_id: number;
    day: number;
    domain: string;
    policy: string;
    /** `success`, or a name of RFC 8460 4.3. */
    result: string;
    sessions: number;
    mx: string;
    sending_ip: string;
    receiving_ip: string;
    detail: string;
  };
  /** A message that said it is ours and failed DMARC. Addresses and subjects of people are not kept. */
  report_failure: {
    id: Generated<number>;
    report_id: number;
    day: number;
    domain: string;
    source_ip: string;
    messages: number;
    failure: string;
    alignment: string;
    delivery_result: string;
    header_from: string;
    dkim_domain: string;
    dkim_selector: string;
  };
}
