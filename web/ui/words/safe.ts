/** Safe to press send: overrides, stops at a provider, incidents and what is kept apart for them. */
import type { Table } from './table.ts';

export const safe = {
  'safe.blocked': [
    'It does not start: a check is red. Mend it and schedule it again; if that is done before its time, it starts by itself.',
    'Elle ne partira pas : une vérification est au rouge. Corrigez, puis reprogrammez ; si c’est fait avant l’heure prévue, elle partira d’elle-même.',
  ],
  'safe.backToDraft': ['Back to draft', 'Repasser en brouillon'],
  'safe.override': ['Answer for it…', 'Passer outre…'],
  'safe.overrideTitle': ['Send in spite of red checks', 'Envoyer malgré des vérifications au rouge'],
  'safe.overrideAsk': [
    'You answer for these. Your name and your reason are kept. Another fault, or a change of the campaign, needs another answer.',
    'Vous en répondez. Votre nom et votre motif sont conservés. Un autre défaut, ou une modification de la campagne, demandera une nouvelle décision.',
  ],
  'safe.reason': ['Reason', 'Motif'],
  'safe.reasonHelp': ['Why it may go all the same', 'Pourquoi elle peut partir malgré tout'],
  'safe.overrideDo': ['I answer for it', 'J’en prends la responsabilité'],
  'safe.answered': ['Answered for: {reason}', 'Assumé : {reason}'],
  'safe.answeredChip': ['answered for', 'assumé'],
  'safe.readyAnswered': ['Ready, with red checks answered for', 'Prête, des points au rouge étant assumés'],

  'stop.title': ['Stopped at {provider}', 'Arrêtée chez {provider}'],
  'stop.reason.hard-bounces': [
    '{hard} of {attempts} messages bounced hard ({percent})',
    '{hard} messages sur {attempts} rejetés définitivement ({percent})',
  ],
  'stop.reason.complaints': [
    '{complaints} {complaints|complaint|complaints} on {attempts} messages ({percent})',
    '{complaints} {complaints|plainte|plaintes} pour {attempts} messages ({percent})',
  ],
  'stop.reason.block': ['The provider refuses us', 'Le fournisseur nous refuse'],
  'stop.reason.rule': [
    'A rule about the provider’s replies stopped it',
    'Une règle sur les réponses du fournisseur l’a arrêtée',
  ],
  'stop.reason.person': ['Somebody stopped it there', 'Quelqu’un l’a arrêtée là'],
  'stop.elsewhere': [
    '{n} {n|message waits|messages wait} there; elsewhere it goes on.',
    '{n} {n|message attend|messages attendent} ; ailleurs, l’envoi continue.',
  ],
  'stop.said': ['What the provider says', 'Ce que dit le fournisseur'],
  'stop.slower': ['Go on slower ({n} an hour)', 'Reprendre plus lentement ({n} par heure)'],
  'stop.cancel': ['Cancel there', 'Annuler là-bas'],
  'stop.cancelAsk': [
    'What has not left for {provider} is taken back for good. It cannot be undone.',
    'Ce qui n’est pas encore parti vers {provider} est annulé définitivement.',
  ],
  'stop.wentOn': ['It goes on slower at {provider}', 'L’envoi reprend plus lentement chez {provider}'],
  'stop.cancelled': ['Cancelled at {provider}', 'Annulée chez {provider}'],
  'stop.nowSlower': ['{provider}: slower, {n} an hour', '{provider} : ralenti, {n} par heure'],
  'stop.nowCancelled': ['{provider}: cancelled', '{provider} : annulé'],

  'sending.incidents': ['Incidents', 'Incidents'],
  'incident.says': [
    'A provider that denies far more of its users than it usually does is most likely at fault itself. Its hard bounces are kept apart here and suppress nobody until it is over or somebody decides.',
    'Un fournisseur qui rejette soudain bien plus d’adresses que d’habitude est très probablement en panne. Ses rejets sont mis de côté ici et n’excluent personne, jusqu’à la fin de l’incident ou votre décision.',
  ],
  'incident.none': ['No incident', 'Aucun incident'],
  'incident.noneHint': [
    'When a provider suddenly denies its users, its bounces wait here instead of emptying your list.',
    'Si un fournisseur se met à rejeter tout le monde, ses rejets attendront ici au lieu de vider votre liste.',
  ],
  'incident.open': ['open', 'en cours'],
  'incident.outcome.over': ['over, bounces forgiven', 'terminé, rejets oubliés'],
  'incident.outcome.forgiven': ['bounces forgiven', 'rejets oubliés'],
  'incident.outcome.suppressed': ['addresses suppressed', 'adresses exclues'],
  'incident.numbers': [
    '{unknown} of the last {attempts} attempts denied; usually {usual}',
    '{unknown} des {attempts} dernières tentatives rejetées ; d’habitude {usual}',
  ],
  'incident.usualUnknown': ['not known', 'inconnu'],
  'incident.since': ['since {when}', 'depuis {when}'],
  'incident.kept': ['{n} {n|bounce|bounces} kept apart', '{n} {n|rejet mis|rejets mis} de côté'],
  'incident.forgive': ['Forgive: the next message decides', 'Oublier : le prochain message tranchera'],
  'incident.suppress': ['Suppress these addresses', 'Exclure ces adresses'],
  'incident.suppressAsk': [
    '{n} {n|address gets|addresses get} no more mail. Do this only when the provider confirms that they do not exist.',
    '{n} {n|adresse ne recevra|adresses ne recevront} plus rien. À faire seulement si le fournisseur confirme qu’elles n’existent pas.',
  ],
  'incident.forgave': ['{n} {n|bounce|bounces} forgiven', '{n} {n|rejet oublié|rejets oubliés}'],
  'incident.suppressed': ['{n} {n|address|addresses} suppressed', '{n} {n|adresse exclue|adresses exclues}'],
  'incident.show': ['Show', 'Afficher'],
  'incident.address': ['Address', 'Adresse'],
  'incident.said': ['What the provider said', 'Ce qu’a dit le fournisseur'],
  'incident.decision': ['Decision', 'Décision'],
  'incident.decided.forgiven': ['forgiven', 'oublié'],
  'incident.decided.suppressed': ['suppressed', 'exclue'],
} as const satisfies Table;
