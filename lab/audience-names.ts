/** Names, towns and tags of the made-up customers. */

export const WOMEN_FR =
  'Marie Camille Léa Manon Chloé Inès Zoé Françoise Hélène Agnès Sophie Julie Nathalie Céline Aurélie Élodie Noémie Fatima Aïcha Anne-Sophie Marie-Thérèse Océane Margaux Solène Maëlys Brigitte Monique Jacqueline'.split(
    ' ',
  );
export const MEN_FR =
  'Jean Pierre Michel Nicolas Julien Thomas Lucas Hugo Théo Raphaël François Jérôme Frédéric Sébastien Rémi Gaël Loïc Noël Jean-Luc Jean-François Mohamed Karim Étienne Benoît Stéphane Clément Maël Anaël'.split(
    ' ',
  );
export const LAST_FR =
  'Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel Garcia David Bertrand Roux Vincent Fournier Morel Girard André Lefèvre Mercier Dupont Lambert Bonnet François Martinez Legrand Garnier Faure Rousseau Blanc Guérin Muller Henry Roussel Nicolas Perrin Morin Mathieu Clément Gauthier Dumont Lopez Fontaine Chevalier Robin Masson Benoît Ben-Ali N’Diaye Le-Goff d’Aubigné'.split(
    ' ',
  );
export const WOMEN_EN =
  'Olivia Amelia Isla Ava Emily Grace Sophie Charlotte Hannah Megan Siân Niamh Chloë Zoë Margaret Susan'.split(
    ' ',
  );
export const MEN_EN =
  'Oliver George Harry Noah Jack Leo Oscar Charlie Seán Owen Callum Rhys Graham Nigel James Peter'.split(' ');
export const LAST_EN =
  'Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White Roberts Green Hall Wood Jackson Clarke O’Brien O’Connor Brontë Fitzgerald'.split(
    ' ',
  );

export const TOWNS_FR: readonly (readonly [string, number])[] = [
  ['Paris', 20],
  ['Lyon', 14],
  ['Marseille', 9],
  ['Toulouse', 6],
  ['Nice', 5],
  ['Nantes', 5],
  ['Montpellier', 4],
  ['Strasbourg', 4],
  ['Bordeaux', 5],
  ['Lille', 5],
  ['Rennes', 3],
  ['Saint-Étienne', 2],
  ['Le Havre', 2],
  ['Grenoble', 3],
  ['Villeurbanne', 2],
  ["L'Haÿ-les-Roses", 1],
];
export const TOWNS_EN: readonly (readonly [string, number])[] = [
  ['London', 8],
  ['Manchester', 3],
  ['Leeds', 2],
  ['Bristol', 2],
  ['Edinburgh', 2],
  ['Lyon', 1],
];

export const TAGS = ['newsletter', 'vip', 'shop', 'web', 'salon-2025', 'parrainage', 'b2b'] as const;
export const CONSENT_SOURCES = ['checkout', 'newsletter-form', 'shop-paper', 'event', 'import-2024'] as const;

/** Where the customers of a French shop have their mailboxes. */
export const MAIL_DOMAINS: readonly (readonly [string, number])[] = [
  ['gmail.com', 400],
  ['hotmail.fr', 50],
  ['hotmail.com', 40],
  ['outlook.fr', 25],
  ['live.fr', 20],
  ['orange.fr', 70],
  ['wanadoo.fr', 40],
  ['yahoo.fr', 65],
  ['yahoo.com', 15],
  ['aol.com', 6],
  ['free.fr', 60],
  ['sfr.fr', 35],
  ['neuf.fr', 12],
  ['laposte.net', 40],
  ['icloud.com', 40],
  ['me.com', 6],
  ['gmx.fr', 10],
  ['gmx.de', 6],
  ['web.de', 4],
  ['bbox.fr', 12],
  ['studio-lumiere.fr', 4],
  ['northgate-books.co.uk', 3],
  ['atelier-rhone.fr', 8],
  ['harbour-legal.co.uk', 4],
  ['boulangerie-dupont.fr', 4],
  ['cabinet-martin.fr', 5],
  ['garage-des-alpes.fr', 4],
  ['lycee-verne.fr', 5],
  ['mill-lane.co.uk', 4],
  ['ferme-du-lac.fr', 2],
];
