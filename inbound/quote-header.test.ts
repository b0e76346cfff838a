/** Every language's announcements of an old message, as its mail programs write them, and sentences that are none. */
import { describe, expect, test } from 'vitest';
import { readReply } from './reply.ts';

const shop = 'Shop <a@shop.example>';

/** Language, the line as Gmail, Apple Mail, Thunderbird or another writes it. */
const wroteLines: [string, string][] = [
  ['English, Gmail', `On Mon, Jan 5, 2026 at 10:00 AM ${shop} wrote:`],
  ['English, Apple', `On 5 Jan 2026, at 10:00, ${shop} wrote:`],
  ['English, Thunderbird', 'On 05/01/2026 10:00, Shop wrote:'],
  ['French, Gmail', `Le lun. 5 janv. 2026 à 10:00, ${shop} a écrit :`],
  ['French, Apple', `> Le 5 janv. 2026 à 10:00, ${shop} a écrit :`.slice(2)],
  ['French, Thunderbird', 'Le 05/01/2026 à 10:00, Shop a écrit :'],
  ['German, Gmail', `Am Mo., 5. Jan. 2026 um 10:00 Uhr schrieb ${shop}:`],
  ['German, Apple', `Am 05.01.2026 um 10:00 schrieb ${shop}:`],
  ['German, older Gmail', `${shop} schrieb am Mo., 5. Jan. 2026 um 10:00:`],
  ['Spanish, Gmail', `El lun, 5 ene 2026 a las 10:00, Shop (<a@shop.example>) escribió:`],
  ['Spanish, Apple', `El 5 ene 2026, a las 10:00, ${shop} escribió:`],
  ['Italian, Gmail', `Il giorno lun 5 gen 2026 alle ore 10:00 ${shop} ha scritto:`],
  ['Italian, Apple', `Il giorno 5 gen 2026, alle ore 10:00, ${shop} ha scritto:`],
  ['Portuguese, Gmail', `Em seg., 5 de jan. de 2026 às 10:00, ${shop} escreveu:`],
  ['Portuguese, Apple', `No dia 05/01/2026, às 10:00, ${shop} escreveu:`],
  ['Dutch, Gmail', `Op ma 5 jan 2026 om 10:00 schreef ${shop}:`],
  ['Dutch, Apple', `Op 5 jan. 2026 om 10:00 heeft ${shop} het volgende geschreven:`],
  ['Polish, Gmail', `pon., 5 sty 2026 o 10:00 ${shop} napisał(a):`],
  ['Polish, Thunderbird', 'W dniu 5.01.2026 o 10:00, Shop pisze:'],
  ['Swedish, Gmail', `Den mån 5 jan. 2026 kl 10:00 skrev ${shop}:`],
  ['Swedish, Apple', `5 jan. 2026 kl. 10:00 skrev ${shop}:`],
  ['Danish, Gmail', `Den man. 5. jan. 2026 kl. 10.00 skrev ${shop}:`],
  ['Norwegian, Gmail', `man. 5. jan. 2026 kl. 10:00 skrev ${shop}:`],
  ['Norwegian, Apple', `5. jan. 2026 kl. 10:00 skrev ${shop}:`],
  ['Finnish, Gmail', `ma 5. tammik. 2026 klo 10.00 Shop (a@shop.example) kirjoitti:`],
  ['Finnish, Apple', `${shop} kirjoitti 5.1.2026 kello 10.00:`],
  ['Czech, Gmail', `po 5. 1. 2026 v 10:00 odesílatel ${shop} napsal:`],
  ['Czech, Thunderbird', 'Dne 05.01.2026 v 10:00 Shop napsal(a):'],
  ['Slovak, Gmail', `po 5. 1. 2026 o 10:00 ${shop} napísal(a):`],
  ['Hungarian, Gmail', `Shop <a@shop.example> ezt írta (időpont: 2026. jan. 5., H, 10:00):`],
  ['Hungarian, Apple', `2026. jan. 5. dátummal, 10:00 időpontban ${shop} írta:`],
  ['Romanian, Gmail', `În lun., 5 ian. 2026 la 10:00, ${shop} a scris:`],
  ['Bulgarian, Gmail', `На пн, 5.01.2026 г. в 10:00 ${shop} написа:`],
  ['Croatian, Gmail', `pon, 5. sij 2026. u 10:00 ${shop} napisao je:`],
  ['Slovenian, Gmail', `V V pon., 5. jan. 2026 ob 10:00 je oseba ${shop} napisala:`],
  ['Russian, Gmail', `пн, 5 янв. 2026 г. в 10:00, ${shop}:`],
  ['Russian, Apple', `5 янв. 2026 г., в 10:00, ${shop} написал(а):`],
  ['Russian, Thunderbird', '05.01.2026 10:00, Shop пишет:'],
  ['Ukrainian, Gmail', `пн, 5 січ. 2026 р. о 10:00 ${shop} пише:`],
  ['Turkish, Gmail', `${shop}, 5 Oca 2026 Pzt, 10:00 tarihinde şunu yazdı:`],
  ['Turkish, Apple', `${shop} şunları yazdı (5 Oca 2026 10:00):`],
  ['Greek, Gmail', `Στις Δευ 5 Ιαν 2026 στις 10:00 π.μ., ο χρήστης ${shop} έγραψε:`],
  ['Catalan, Gmail', `Missatge de ${shop} del dia dl., 5 de gen. 2026 a les 10:00:`],
  ['Estonian, Gmail', `Kontakt ${shop} kirjutas kuupäeval E, 5. jaanuar 2026 kell 10:00:`],
  ['Lithuanian, Gmail', `2026-01-05, pr, 10:00 ${shop} rašė:`],
  ['Latvian, Gmail', `pirmd., 2026. g. 5. janv., plkst. 10:00 — lietotājs ${shop} rakstīja:`],
  ['Icelandic, Gmail', `mán., 5. jan. 2026 kl. 10:00 skrifaði ${shop}:`],
  ['Vietnamese, Gmail', `Vào Th 2, 5 thg 1, 2026 vào lúc 10:00 ${shop} đã viết:`],
  ['Indonesian, Gmail', `Pada Sen, 5 Jan 2026 pukul 10.00 ${shop} menulis:`],
  ['Thai, Gmail', `ในวันที่ จ. 5 ม.ค. 2026 เวลา 10:00 ${shop} เขียนว่า:`],
  ['Hindi, Gmail', `सोम, 5 जन॰ 2026 को 10:00 am बजे को ${shop} ने लिखा:`],
  [
    'Hebrew, Gmail',
    `\u202bבתאריך יום ב׳, 5 בינו׳ 2026 ב-10:00 מאת \u202aShop\u202c\u200f <\u202aa@shop.example\u202c\u200f>:\u202c`,
  ],
  ['Arabic, Gmail', `في الاثنين، ٥ يناير ٢٠٢٦ في ١٠:٠٠ ص ${shop} كتب:`],
  ['Persian, Gmail', `در تاریخ دوشنبه 5 ژانویه 2026،‏ 10:00 ${shop} نوشت:`],
  ['Japanese, Gmail', `2026年1月5日(月) 10:00 ${shop}:`],
  ['Japanese, Apple', `2026/01/05 10:00、${shop}のメール:`],
  ['Chinese, Gmail', `Shop <a@shop.example> 于2026年1月5日周一 10:00写道：`],
  ['Traditional Chinese, Gmail', `Shop <a@shop.example> 於 2026年1月5日 週一 上午10:00寫道：`],
  ['Korean, Gmail', `2026년 1월 5일 (월) 오전 10:00, Shop <a@shop.example>님이 작성:`],
  ['a language that nobody listed', `Ba oni 5.1.2026 10:00 ${shop} kpatabura:`],
];

describe('the line that says who wrote', () => {
  test.each(wroteLines)('%s, above marks', (_, line) => {
    expect(readReply(`Ja, xyz.\n\n${line}\n\n> old one\n> old two\n`).visible).toBe('Ja, xyz.');
  });

  test.each(wroteLines)('%s, above a text without marks', (_, line) => {
    expect(readReply(`Ja, xyz.\n\n${line}\n\nold one\n\nold two\n`).visible).toBe('Ja, xyz.');
  });

  test.each(wroteLines.filter(([, line]) => line.includes(' <a@')))(
    '%s, broken before the address',
    (_, line) => {
      const broken = line.replace(' <a@', '\n<a@');
      expect(readReply(`Ja, xyz.\n\n${broken}\n\n> old one\n> old two\n`).visible).toBe('Ja, xyz.');
    },
  );
});

/** Language, then From, Sent, To, Subject as Outlook writes them. */
const blocks: [string, string, string, string, string][] = [
  ['English', 'From:', 'Sent:', 'To:', 'Subject:'],
  ['French', 'De :', 'Envoyé :', 'À :', 'Objet :'],
  ['French, Outlook on the web', 'De :', 'Envoyé :', 'À :', 'Objet :'],
  ['German', 'Von:', 'Gesendet:', 'An:', 'Betreff:'],
  ['Spanish', 'De:', 'Enviado el:', 'Para:', 'Asunto:'],
  ['Italian', 'Da:', 'Inviato:', 'A:', 'Oggetto:'],
  ['Portuguese', 'De:', 'Enviada em:', 'Para:', 'Assunto:'],
  ['Dutch', 'Van:', 'Verzonden:', 'Aan:', 'Onderwerp:'],
  ['Polish', 'Od:', 'Wysłano:', 'Do:', 'Temat:'],
  ['Swedish', 'Från:', 'Skickat:', 'Till:', 'Ämne:'],
  ['Danish', 'Fra:', 'Sendt:', 'Til:', 'Emne:'],
  ['Norwegian', 'Fra:', 'Sendt:', 'Til:', 'Emne:'],
  ['Finnish', 'Lähettäjä:', 'Lähetetty:', 'Vastaanottaja:', 'Aihe:'],
  ['Czech', 'Od:', 'Odesláno:', 'Komu:', 'Předmět:'],
  ['Slovak', 'Od:', 'Odoslané:', 'Komu:', 'Predmet:'],
  ['Hungarian', 'Feladó:', 'Elküldve:', 'Címzett:', 'Tárgy:'],
  ['Romanian', 'De la:', 'Trimis:', 'Către:', 'Subiect:'],
  ['Bulgarian', 'От:', 'Изпратено:', 'До:', 'Относно:'],
  ['Croatian', 'Od:', 'Poslano:', 'Za:', 'Predmet:'],
  ['Russian', 'От:', 'Отправлено:', 'Кому:', 'Тема:'],
  ['Ukrainian', 'Від:', 'Надіслано:', 'Кому:', 'Тема:'],
  ['Turkish', 'Kimden:', 'Gönderildi:', 'Kime:', 'Konu:'],
  ['Greek', 'Από:', 'Στάλθηκε:', 'Προς:', 'Θέμα:'],
  ['Vietnamese', 'Từ:', 'Đã gửi:', 'Tới:', 'Chủ đề:'],
  ['Hebrew', 'מאת:', 'נשלח:', 'אל:', 'נושא:'],
  ['Arabic', 'من:', 'تم الإرسال:', 'إلى:', 'الموضوع:'],
  ['Japanese', '差出人:', '送信日時:', '宛先:', '件名:'],
  ['Chinese', '发件人：', '发送时间：', '收件人：', '主题：'],
  ['Traditional Chinese', '寄件者:', '寄件日期:', '收件者:', '主旨:'],
  ['Korean', '보낸 사람:', '보낸 날짜:', '받는 사람:', '제목:'],
];

describe("Outlook's block", () => {
  test.each(blocks)('%s', (_, from, sent, to, subject) => {
    const block = `${from} Shop\n${sent} 5 1 2026 10:00\n${to} Ana Roy\n${subject} Summer`;
    for (const above of ['', '________________________________\n', '-----\n\n'])
      expect(readReply(`Ja, xyz.\n\n${above}${block}\n\nold one\n`).visible).toBe('Ja, xyz.');
    const bold = block.replace(/^([^:：]+)([:：])/gm, '*$1$2*');
    expect(readReply(`Ja, xyz.\n\n${bold}\n\nold one\n`).visible).toBe('Ja, xyz.');
  });
});

test.each([
  '-----Original Message-----',
  '---- Original Message ----',
  '*-------- Original Message --------*',
  '-------- Message d’origine --------',
  "-----Message d'origine-----",
  '-----Ursprüngliche Nachricht-----',
  '-----Mensaje original-----',
  '-----Messaggio originale-----',
  '-----Mensagem original-----',
  '-----Oorspronkelijk bericht-----',
  '-----Wiadomość oryginalna-----',
  '-----Ursprungligt meddelande-----',
  '-----Oprindelig meddelelse-----',
  '-----Opprinnelig melding-----',
  '-----Alkuperäinen viesti-----',
  '-----Původní zpráva-----',
  '-----Eredeti üzenet-----',
  '-----Mesaj original-----',
  '-----Исходное сообщение-----',
  '-----Вихідне повідомлення-----',
  '-----Özgün İleti-----',
  '-----Αρχικό μήνυμα-----',
  '-----הודעה מקורית-----',
  '-----الرسالة الأصلية-----',
  '-----元のメッセージ-----',
  '-----原始邮件-----',
  '------------------ 原始邮件 ------------------',
  '-----원본 메시지-----',
])('a rule: %s', (rule) => {
  expect(readReply(`Ja, xyz.\n\n${rule}\n\nold one\n`).visible).toBe('Ja, xyz.');
});

test.each([
  '---------- Forwarded message ---------',
  'Begin forwarded message:',
  '---------- Message transféré ----------',
  'Début du message réexpédié :',
  '---------- Weitergeleitete Nachricht ----------',
  'Anfang der weitergeleiteten Nachricht:',
  '---------- Mensaje reenviado ---------',
  'Inicio del mensaje reenviado:',
  '---------- Messaggio inoltrato ---------',
  '---------- Doorgestuurd bericht ---------',
  '---------- Пересылаемое сообщение ----------',
  '---------- 转发的邮件 ---------',
])('a forwarded mail: %s', (head) => {
  const { segments, visible } = readReply(
    `Ja, xyz.\n\n${head}\nFrom: B <b@b.example>\nSubject: s\n\nold one\n`,
  );
  expect(visible).toBe('Ja, xyz.');
  expect(segments.map((segment) => segment.kind)).toEqual(['new', 'forwarded']);
});

test('a mail that only forwards is shown whole', () => {
  const text = '---------- Forwarded message ---------\nFrom: B <b@b.example>\n\nplease look';
  const { segments, visible } = readReply(text);
  expect(visible).toBe(text);
  expect(segments).toEqual([{ kind: 'forwarded', start: 0, end: text.length, shown: true }]);
});

test.each([
  [
    'on its own line, the old text behind it',
    'On Mon, Jan 5, 2026 at 10:00, Shop<a@shop.example> wrote:   old one\n\nold two',
  ],
  ['Horde', 'Quoting Shop <a@shop.example>:\n\n> old one'],
  ['Horde in German', 'Zitat von Shop <a@shop.example>:\n\n> old one'],
  ['news readers', 'In message <x.1@shop.example>, Shop writes:\n> old one'],
  [
    'a bracket that was broken',
    'On Mon, Jan 5, 2026 at 10:00 AM Shop <a@shop.example\n> wrote:\n\n> old one',
  ],
  [
    'an address between empty lines',
    'On Mon, Jan 5, 2026 at 10:00 AM Shop\n\n<\nmailto:a@shop.example\n> wrote:\nold one',
  ],
  ['a name alone above marks', 'Shop wrote:\n> old one'],
  ['Outlook Express', '"Shop" <a@shop.example> wrote in message news:x@shop.example...\n> old one'],
  ['the date last', 'Shop <a@shop.example> wrote on 05/01/2026 10:00:00:\n\nold one'],
  [
    'SFR and Laposte',
    '> Message du 05/01/26 10:00\n> De : "Shop" <a@shop.example>\n> A : b@b.example\n> Objet : Eté\n>\n> old one',
  ],
  [
    'Orange',
    '====\n\nMessage du : 05/01/2026 10:00\nDe : "Shop " <a@shop.example>\nA : b@b.example\nCopie à :\nSujet : Eté\n\nold one',
  ],
  [
    'fields on long lines',
    'From: Shop <a@shop.example> Sent: Monday, January 5, 2026 10:00\nTo: Ana\nSubject: Summer\n\nold one',
  ],
])('a form of its own: %s', (_, old) => {
  expect(readReply(`Ja, xyz.\n\n${old}`).visible).toBe('Ja, xyz.');
});

test.each([
  'On Monday I wrote: nothing.',
  'On 5 January 2026 your shop sent: a shirt, a coat and this note from a@shop.example.',
  'On 5 January 2026 I wrote:\n\nplease stop.',
  'In my mail of 5 January 2026 I wrote:\n\nplease stop.',
  'As you wrote:\n\nno refunds. I want one.',
  'On 3 May 2026 the parcel was sent\n\nbut never came.',
  'We need:\nFrom: Lyon\nTo: Lille\nDate: 5 May 2026\n\nThank you!',
  'To: do\nDate: soon\n\nBuy milk.',
  'Le 5 mai, je serai à Paris.\nMerci de rappeler.',
  'My number:\n01 23 45 67 89\n\nCall after 10:00',
  'From: shop <a@shop.example>\ncut the rest',
  'Van: een auto\n\nen meer',
  'Total: 10:00 to 12:00 on 5/1/2026:\n\nplease book',
  'Here is the plan for 2026-01-05:\n\n1. one\n2. two',
  '----\nOriginal\n----\nnot a rule',
  'May 29 11:58:43 host kernel: version 2.6.28 (build@host) (gcc version 4.3.3) #42 Fri Apr 17 01:57:59 2009\nMay 29 11:58:43 host kernel: memory map of the machine, as its firmware says:\nMay 29 more',
  '| a | b |\n| 1 | 2 |\n\nthe table',
])('no announcement: %s', (text) => {
  expect(readReply(text).visible).toBe(text);
});
