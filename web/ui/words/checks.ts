/**
 * The checks before a campaign starts, by their ids: what is wrong and what to do about it. What a check is about (an
 * address, a host, a number) is shown beside these words.
 */
import type { Table } from './table.ts';

export const checks = {
  'check.audience.basis': [
    'People who never agreed to be mailed',
    'Des personnes n’ont jamais donné leur accord',
  ],
  'fix.audience.basis': [
    'Take them out by a condition, or put them on the list that they agreed to.',
    'Écartez-les par une condition, ou ajoutez-les à la liste à laquelle elles ont consenti.',
  ],
  'check.audience.no-mail': [
    'Addresses at domains that take no mail',
    'Adresses dont le domaine ne reçoit pas de courriel',
  ],
  'fix.audience.no-mail': ['Clean the list.', 'Nettoyez la liste.'],
  'check.audience.left-out': [
    'People had as many mails as they may get: they are left out',
    'Des personnes ont déjà reçu autant de messages que permis : elles sont laissées de côté',
  ],
  'fix.audience.left-out': [
    'Send less often, or to fewer people; the caps are under Audience, Pressure.',
    'Écrivez moins souvent ou à moins de monde ; les plafonds sont dans Audience, Pression.',
  ],
  'check.audience.put-off': [
    'People get it later, when their cap lets it through',
    'Des personnes le recevront plus tard, dès que leur plafond le permet',
  ],
  'check.audience.doubtful': [
    'Many addresses are no person’s own: roles, misspelt, disposable',
    'Beaucoup d’adresses ne sont à personne : génériques, mal écrites, jetables',
  ],
  'fix.audience.doubtful': ['Find out where they came from.', 'Cherchez d’où elles viennent.'],
  'check.audience.tracking': [
    'People are tracked without having agreed to it',
    'Des personnes sont suivies sans leur accord',
  ],
  'fix.audience.tracking': [
    'Set their tracking to none, or ask them.',
    'Désactivez leur suivi, ou demandez-leur.',
  ],
  'check.audience.first': [
    'No campaign went to this list yet',
    'Aucune campagne n’est encore partie vers cette liste',
  ],
  'fix.audience.first': ['Begin with a small part of it.', 'Commencez par une petite partie.'],
  'check.audience.idle': [
    'This list was last mailed more than a year ago',
    'Le dernier envoi à cette liste date de plus d’un an',
  ],
  'fix.audience.idle': [
    'Begin with those who wrote or bought since.',
    'Commencez par celles et ceux qui ont écrit ou commandé depuis.',
  ],
  'check.audience.spam-rate': [
    'Too much of last week’s mail was reported as spam',
    'Trop de signalements en spam la semaine passée',
  ],
  'fix.audience.spam-rate': [
    'Send less, to people who want it, until it is below 0.08 %.',
    'Envoyez moins, à des personnes qui le souhaitent, jusqu’à repasser sous 0,08 %.',
  ],

  'check.content.link-host': [
    'A link shows another address than it leads to',
    'Un lien affiche une autre adresse que la sienne',
  ],
  'fix.content.link-host': [
    'Show where the link leads, or words.',
    'Affichez la vraie adresse, ou des mots.',
  ],
  'check.pace.no-source': [
    'No address of ours may send there now',
    'Aucune de nos adresses ne peut y envoyer en ce moment',
  ],
  'fix.pace.no-source': [
    'Release or add a source, or let a smarthost help out.',
    'Libérez ou ajoutez une source, ou confiez l’envoi à un relais.',
  ],
  'check.pace.warm-up': [
    'The warm-up spreads it over days',
    'La montée en charge l’étale sur plusieurs jours',
  ],
  'fix.pace.warm-up': [
    'Send to the most engaged first, or begin with a smaller audience.',
    'Écrivez d’abord aux plus engagés, ou commencez par une audience plus petite.',
  ],
  'check.sample': [
    'The message is right for the people looked at',
    'Le message est juste pour les personnes examinées',
  ],
  'check.sample.fault': ['The message cannot be made', 'Le message ne peut pas être composé'],
  'fix.sample.fault': ['Mend the sender or the content.', 'Corrigez l’expéditeur ou le contenu.'],
  'check.sample.empty': [
    'The message has a hole where a value is empty',
    'Le message a un trou là où une valeur est vide',
  ],
  'fix.sample.empty': ['Give the field a default value.', 'Donnez au champ une valeur de repli.'],
  'check.sample.line': ['A line of the message is too long', 'Une ligne du message est trop longue'],
  'fix.sample.line': ['Break the line in the content.', 'Coupez la ligne dans le contenu.'],
  'check.sample.size': [
    'The message is over 100 KB: Gmail would cut it off',
    'Le message dépasse 100 Ko : Gmail le couperait',
  ],
  'fix.sample.size': ['Shorten the content.', 'Raccourcissez le contenu.'],
  'check.sample.headers': [
    'The headers for leaving by one click are missing',
    'Il manque les en-têtes de désinscription en un clic',
  ],
  'check.sample.unsubscribe': [
    'The message shows no link to leave',
    'Le message n’affiche pas de lien de désinscription',
  ],
  'fix.sample.unsubscribe': [
    'Put {{ unsubscribe_url }} into the content.',
    'Placez {{ unsubscribe_url }} dans le contenu.',
  ],

  'check.sender.freemail': [
    'This is a mailbox provider’s domain',
    'C’est le domaine d’un fournisseur de messagerie',
  ],
  'fix.sender.freemail': ['Send from a domain of your own.', 'Envoyez depuis un domaine à vous.'],

  'check.sender.dns.spf': ['The SPF record is not right', 'L’enregistrement SPF n’est pas bon'],
  'check.sender.dns.bounce-spf': [
    'The SPF record for bounces is not right',
    'L’enregistrement SPF des rebonds n’est pas bon',
  ],
  'check.sender.dns.bounce-mx': [
    'The MX for bounces is not right',
    'L’enregistrement MX des rebonds n’est pas bon',
  ],
  'check.sender.dns.reply-mx': [
    'The MX for replies is not right',
    'L’enregistrement MX des réponses n’est pas bon',
  ],
  'check.sender.dns.dkim': ['The DKIM key is not published', 'La clé DKIM n’est pas publiée'],
  'check.sender.dns.dmarc': ['The DMARC record is not right', 'L’enregistrement DMARC n’est pas bon'],
  'fix.sender.dns': [
    'Set the record as the domain’s page says.',
    'Publiez l’enregistrement indiqué sur la page du domaine.',
  ],
  'check.dns.silent': [
    'The name servers did not answer in time',
    'Les serveurs DNS n’ont pas répondu à temps',
  ],
  'fix.dns.silent': ['Check again.', 'Vérifiez à nouveau.'],
  'check.dns.listed': ['We stand on a block list', 'Nous figurons sur une liste de blocage'],
  'fix.dns.listed': [
    'Find out why, and ask to be taken off.',
    'Cherchez pourquoi, puis demandez le retrait.',
  ],
  'check.dkim.short': ['The DKIM key has fewer than 2048 bits', 'La clé DKIM compte moins de 2048 bits'],
  'fix.dkim.short': ['Make a new key.', 'Créez une nouvelle clé.'],
  'check.dkim.verify': [
    'What we sign does not verify with the published key',
    'Nos signatures ne se vérifient pas avec la clé publiée',
  ],
  'check.spf.source': ['SPF does not let this address send', 'Le SPF n’autorise pas cette adresse à envoyer'],
  'fix.spf.source': [
    'Add the address to the SPF record for bounces.',
    'Ajoutez l’adresse à l’enregistrement SPF des rebonds.',
  ],
  'check.spf.broken': [
    'The SPF record cannot be used, or needs more than ten look-ups',
    'Le SPF est inutilisable, ou demande plus de dix requêtes',
  ],
  'fix.spf.broken': ['Shorten it: fewer includes.', 'Raccourcissez-le : moins d’include.'],
  'check.spf.silent': ['SPF could not be looked up', 'Le SPF n’a pas pu être lu'],
  'check.dmarc.invalid': ['The DMARC record is not valid', 'L’enregistrement DMARC n’est pas valide'],
  'check.dmarc.aligned': ['Our mail would not pass DMARC', 'Nos courriels échoueraient à DMARC'],
  'fix.dmarc.aligned': ['Publish the DKIM key.', 'Publiez la clé DKIM.'],
  'check.source.none': [
    'No sending address is set: SPF and reverse DNS cannot be checked',
    'Aucune adresse d’envoi : SPF et DNS inverse ne peuvent pas être vérifiés',
  ],
  'fix.source.none': ['Add it in Sending, Sources.', 'Ajoutez-la dans Envoi, Sources.'],
  'check.source.silent': [
    'The DNS does not answer for an address of ours',
    'Le DNS ne répond pas pour une de nos adresses',
  ],
  'check.source.ptr': [
    'An address of ours has no reverse DNS name',
    'Une de nos adresses n’a pas de nom DNS inverse',
  ],
  'fix.source.ptr': [
    'Have your hosting provider set its PTR.',
    'Faites définir son PTR par votre hébergeur.',
  ],
  'check.source.fcrdns': [
    'The reverse DNS name of an address does not lead back to it',
    'Le nom DNS inverse d’une adresse n’y ramène pas',
  ],
  'fix.source.fcrdns': [
    'Set an A record from the name to the address.',
    'Publiez un enregistrement A du nom vers l’adresse.',
  ],
  'check.source.ehlo': [
    'The EHLO name does not lead to its address',
    'Le nom EHLO ne mène pas à son adresse',
  ],

  'check.links.get': ['The link to leave does not answer', 'Le lien de désinscription ne répond pas'],
  'fix.links': [
    'Set http.base_url to the https address at which this application answers.',
    'Donnez à http.base_url l’adresse https où répond cette application.',
  ],
  'check.links.post': [
    'Leaving by one click does not work',
    'La désinscription en un clic ne fonctionne pas',
  ],
  'fix.links.post': [
    'Let POST to /u/ through, without a redirect or a login.',
    'Laissez passer les POST vers /u/, sans redirection ni authentification.',
  ],
  'check.links.answer': ['People can leave by one click', 'On peut se désinscrire en un clic'],
  'check.home': ['Bounces come home', 'Le retour des rebonds'],
  'fix.home': [
    'Let port 25 of this host reach the inbound listener of this server.',
    'Ouvrez le port 25 de cet hôte vers le serveur de réception.',
  ],

  'fix.audience.none': ['Choose who gets it.', 'Choisissez à qui elle est destinée.'],
  'fix.sender.noreply': [
    'Send from an address that people may answer.',
    'Envoyez depuis une adresse à laquelle on peut répondre.',
  ],
  'fix.sender.mailbox': [
    'Choose the mailbox where replies arrive.',
    'Choisissez la boîte où arrivent les réponses.',
  ],
  'fix.brand.address': ['Write it in Settings, Brand.', 'Indiquez-la dans Réglages, Marque.'],
} as const satisfies Table;
