/** Words of sign-up forms, as a team makes them. */
import type { Table } from './table.ts';

export const forms = {
  'audience.forms': ['Forms', 'Formulaires'],
  'form.says': [
    'People sign up on a page of yours or inside your site. Nobody is on the list before they confirm from their own mailbox.',
    'On s’inscrit sur une page à vous ou dans votre site. Personne n’entre dans la liste sans confirmer depuis sa propre boîte.',
  ],
  'form.new': ['New form', 'Nouveau formulaire'],
  'form.edit': ['Change the form', 'Modifier le formulaire'],
  'form.empty': ['No form yet', 'Aucun formulaire'],
  'form.emptyHint': [
    'A form asks for an address and for consent, box by box, and keeps the proof.',
    'Un formulaire demande une adresse et un accord, case par case, et garde la preuve.',
  ],
  'form.needsList': [
    'Make a list first: a form signs people up to one.',
    'Créez d’abord une liste : un formulaire y inscrit.',
  ],
  'form.counts': [
    '{asked} filled in, {confirmed} confirmed',
    '{asked} {asked|envoi|envois}, {confirmed} {confirmed|confirmé|confirmés}',
  ],
  'form.open': ['open', 'ouvert'],
  'form.closed': ['closed', 'fermé'],
  'form.close': ['Close', 'Fermer'],
  'form.reopen': ['Reopen', 'Rouvrir'],
  'form.look': ['See the page', 'Voir la page'],
  'form.embed': ['Put into a site', 'Intégrer à un site'],
  'form.page': ['Its page', 'Sa page'],
  'form.frame': ['Frame: the whole form inside your page', 'Cadre : tout le formulaire dans votre page'],
  'form.html': ['Plain form: yours to style', 'Formulaire nu : à vous de l’habiller'],
  'form.htmlHelp': [
    'Our page shows what was typed once more before it counts: that keeps robots out.',
    'Notre page montre une fois la saisie avant de la prendre : les robots s’arrêtent là.',
  ],
  'form.language': ['Language', 'Langue'],
  'form.name': ['Name, for you', 'Nom, pour vous'],
  'form.list': ['Signs up to', 'Inscrit à'],
  'form.boxes': ['Boxes it offers, unticked at first', 'Cases proposées, vides au départ'],
  'form.fields': ['Asked beside the address', 'Demandé en plus de l’adresse'],
  'form.first_name': ['First name', 'Prénom'],
  'form.last_name': ['Last name', 'Nom'],
  'form.privacy': ['Address of your privacy policy', 'Adresse de votre politique de confidentialité'],
  'form.redirect': ['After the confirmation, lead to', 'Après la confirmation, mener à'],
  'form.redirectHelp': ['Empty: a page of ours says thank you.', 'Vide : une page à nous remercie.'],
  'form.texts.fr': ['In French', 'En français'],
  'form.texts.en': ['In English', 'En anglais'],
  'form.title': ['Title', 'Titre'],
  'form.intro': ['What they will get, and how often', 'Ce qu’on recevra, et à quel rythme'],
  'form.button': ['On the button', 'Sur le bouton'],
  'form.done': ['Once confirmed', 'Une fois confirmé'],
} as const satisfies Table;
