/** What people answer in French: the phrases of each intent, what takes them back, and the bare requests that may act alone. */
import type { IntentPhrases } from './intent-phrases.ts';

const MAIL =
  '(?:e ?mails?|mails?|mels?|courriels?|courriers?|messages?|newsletters?|lettres?|infolettres?|pubs?|publicites?|spams?|promos?|promotions?|sms|sollicitations?|offres?)';
const LIST =
  "(?:(?:de|des|du|a|au|aux) ?)?(?:la |les |l'|vos |votre |cette |ces |toutes vos |tous vos )?(?:(?:listes?|fichiers?|bases?|newsletters?|lettres?|infolettres?|mailings?|mailing list|abonnes|envois?|registres?|contacts?|e ?mails?|mails?)(?: (?:de|d')? ?(?:diffusion|contacts?|donnees|information|envoi|mailing|distribution|clients?|publipostage|abonnes))?)";

export const french: IntentPhrases = {
  language: 'fr',
  phrases: [
    ['desinscrire', 'unsubscribe', `desinscri\\w*|desincri\\w*|desabonn\\w*|resilier (?:mon|l') ?abonnement`],
    [
      'retirer-de-la-liste',
      'unsubscribe',
      `(?:retire[rz]?|enleve[rz]?|ote[rz]?|supprime[rz]?|efface[rz]?|raye[rz]?|sor(?:tir|tez)|vire[rz]?) (?:moi|nous|mon (?:adresse|mail|e ?mail|nom)|cette adresse|mes coordonnees)|(?:me|nous|m') ?(?:retirer|enlever|supprimer|oter|rayer|sortir|effacer)`,
    ],
    [
      'ne-plus-recevoir',
      'unsubscribe',
      `(?:veux|souhaite|desire|voudrais|voulons|souhaitons|prefere|aimerais) (?:ne )?(?:plus|pas) (?:rien )?(?:recevoir|etre (?:contacte|sollicite|demarche)\\w*)|ne plus (?:rien )?recevoir|plus recevoir (?:de |vos )`,
    ],
    [
      'ne-plus-envoyer',
      'unsubscribe',
      `(?:n'|ne )?(?:m'|nous |me )?(?:envoyez|ecrivez|envoyer|ecrire|contactez|contacter) plus|ne (?:plus )?(?:m'|me |nous )(?:envoye[rz]|ecri(?:re|vez)|contacte[rz])(?: plus)?|plus (?:m'|me |nous )(?:envoyer|ecrire|contacter)`,
    ],
    [
      'arreter',
      'unsubscribe',
      `(?:arrete[rz]?|cesse[rz]?|stoppe[rz]?) (?:de (?:m'|nous |me )(?:envoyer|ecrire|contacter|harceler|spammer|mailer)|(?:vos|ces|les) (?:mails?|envois?|e ?mails?|pubs?|messages?|newsletters?))|stop (?:pub|mails?|newsletters?)`,
    ],
    ['plus-de-mails', 'unsubscribe', `(?:^|veux |souhaite )(?:plus|pas) (?:de|aucun) ${MAIL}`],

    ['spam', 'complaint', `(?:c'est du|du|de|comme|pour|vos) spams?|spammeurs?|indesirables?`],
    [
      'signaler',
      'complaint',
      `(?:vous|je) signale[rz]?|(?:porte[rz]?|deposer|depose|depos\\w*) plainte|plainte|reclamation`,
    ],
    [
      'droit-des-donnees',
      'complaint',
      `rgpd|cnil|donnees personnelles|mes donnees|droit a l'oubli|droit d'acces|effacement|dpo`,
    ],
    ['avocat', 'complaint', `avocats?|justice|tribunal|mise en demeure|poursuites?|huissier`],
    [
      'jamais-inscrit',
      'complaint',
      `jamais (?:ete )?(?:inscrit|donne|demande|accepte|consenti|abonne|autorise)\\w*|sans mon (?:accord|consentement|autorisation)|d'ou (?:tenez|sort|avez)|comment avez vous (?:eu|obtenu)`,
    ],
    ['harcelement', 'complaint', `harcel\\w*`],

    [
      'pas-la-bonne-personne',
      'wrong-person',
      `(?:pas|plus) (?:la |le )?bon(?:ne)? (?:personne|interlocut\\w+|contact|destinataire|adresse|service)|mauvais(?:e)? (?:personne|destinataire|contact|interlocut\\w+|service)|erreur (?:de|sur le|sur la) (?:destinataire|personne)|vous faites erreur|vous vous trompez|trompe de (?:personne|destinataire)`,
    ],
    [
      'pas-moi-qui-m-occupe',
      'wrong-person',
      `(?:pas|plus) moi qui|(?:m'|n')? ?(?:occupe|gere|suis charge\\w*|suis responsable|travaille|suis en charge) (?:plus|pas)|ne (?:suis|gere|traite|travaille|dirige) plus`,
    ],
    [
      'voir-avec-un-autre',
      'wrong-person',
      `(?:voyez|voir|adressez vous|contactez|ecrivez|rapprochez vous|demandez) (?:avec|a|de|plutot) (?!(?:moi|nous|vous)\\b)\\w+|contactez \\S+@\\S+`,
    ],
    [
      'pas-mon-service',
      'wrong-person',
      `(?:pas|plus) (?:de )?(?:mon|notre|a mon) (?:service|departement|domaine|ressort)|ne (?:me|nous) concerne pas`,
    ],
    ['je-ne-suis-pas-lui', 'wrong-person', `vous faites erreur|(?:n'etes|est) pas (?:au|le) bon`],

    [
      'nouvelle-adresse',
      'address-change',
      `nouvel(?:le)? (?:adresse|mail|e ?mail)|change (?:d'|de |mon )(?:adresse|mail|e ?mail)\\w*|adresse (?:a change|mail a change)`,
    ],
    [
      'utiliser-cette-adresse',
      'address-change',
      `(?:utilise[rz]?|utiliser|mettre a jour|noter|prendre note) (?:desormais |plutot |dorenavant |maintenant )?(?:de )?(?:mon|ma|mes|cette|l')? ?(?:adresse|mail|e ?mail|coordonnees)|mettre a jour|(?:ecrivez|contactez) (?:moi|nous) (?:plutot |desormais )?(?:sur|a) \\S+@\\S+`,
    ],
    ['demenage', 'address-change', `(?:avons|ai|suis|sommes) demenag\\w*|demenag\\w+`],

    [
      'pas-interesse',
      'not-interested',
      `(?:pas|plus|aucunement) (?:du tout |vraiment )?(?:interesse\\w*)|(?:m'|nous |me )interesse (?:pas|plus)|non merci|sans facon|(?:pas|plus) pour (?:moi|nous)|aucun interet|(?:avons|ai) (?:deja )?(?:choisi|un fournisseur|un prestataire|opte)|(?:choisi|pris|avec|chez) (?:une? )?autre (?:societe|fournisseur|prestataire|entreprise|agence)|pas besoin`,
    ],

    ['abime', 'negative', `casse\\w*|abime\\w*|defectu\\w*|endommage\\w*|marche pas|fonctionne pas|en panne`],
    ['remboursement', 'negative', `rembours\\w*|debite\\w*|facture deux fois|preleve\\w*`],
    [
      'annuler',
      'negative',
      `annul(?:e|er|ez|ation) (?:de )?(?:ma|mon|la|cette|notre)|mauvais(?:e)? (?:taille|article|couleur|produit|commande)`,
    ],
    [
      'mecontent',
      'negative',
      `decu\\w*|inadmissible|scandale\\w*|honte\\w*|inacceptable|nul(?:le)?s?|lamentable|furieu\\w*|mecontent\\w*|catastroph\\w*|arnaque|pire|decevant\\w*`,
    ],
    [
      'pas-arrive',
      'negative',
      `(?:pas|jamais|rien) (?:ete )?(?:recu|arrive\\w*|livre\\w*)|toujours (?:rien|pas)|j'attends (?:encore |toujours )?depuis|toujours vos mails`,
    ],

    [
      'pas-maintenant',
      'not-now',
      `pas (?:pour (?:le moment|l'instant)|maintenant|tout de suite|encore|cette annee|ce mois|avant|le bon moment|en ce moment)|trop tot|pas de budget|pas le temps`,
    ],
    [
      'plus-tard',
      'not-now',
      `plus tard|(?:recontacte[rz]?|rappele[rz]?|reecrive[rz]?|relance[rz]?|reven(?:ez|ir)|reessaye[rz]?|reessaie)(?: (?:moi|nous|vers moi|vers nous))? (?:en|apres|dans|a la|au mois|debut|fin|l'annee|plus tard)|(?:l'annee|le mois|le trimestre) prochaine?|au prochain (?:trimestre|semestre|mois)|revenez vers (?:moi|nous)|debordes?`,
    ],

    [
      'interesse',
      'interested',
      `interesse\\w*|avec plaisir|volontiers|je prends|comptez sur moi|partante?s?|ca me (?:tente|dit)|je suis preneu\\w+|je veux bien|on veut bien|oui je`,
    ],
    [
      'rappel',
      'interested',
      `rappele[rz]? ?(?:moi|nous)?|(?:m'|nous )appeler|appele[rz] (?:moi|nous)|mon (?:numero|tel\\w*|portable) (?:est|c'est)?|rendez ?vous|\\brdv\\b|un creneau`,
    ],
    [
      'veut-acheter',
      'interested',
      `(?:voudrais|voudrions|voudrait|aimerais|aimerions|souhaite|souhaitons|veux|voulons) (?:bien )?(?:en )?(?:commander|acheter|reserver|recevoir|avoir|savoir|prendre|essayer|connaitre|participer|une demo)`,
    ],
    [
      'demande-prix',
      'interested',
      `combien|quel(?:s)? (?:est |sont )?(?:le |les |vos )?(?:prix|tarifs?)|tarifs?|(?:un|votre|le|faire|recevoir) devis|envoye[rz] (?:moi |nous )?(?:les |le |la |vos |votre )?(?:details?|infos?|informations?|brochure|documentation|catalogue)`,
    ],

    [
      'mot-interrogatif',
      'question',
      `(?:est ce que|qu'est ce|comment|pourquoi|^ou |ou est|quand|quel(?:le)?s?|pouvez vous|puis je|peut on|avez vous|c'est pour quand|combien de temps|livrez|vous faites)`,
    ],
    ['pas-compris', 'question', `(?:ne |n'ai )?(?:comprends|compris) pas|que veut dire|pas compris`],

    ['merci', 'thanks', `mercis?|remercie\\w*`],
    [
      'louange',
      'thanks',
      `(?:super|belle|excellente?|tres bonne|bonne|jolie|chouette) (?:newsletter|lettre|idee|article|travail|lecture)|j'adore|bravo|felicitations|un plaisir de vous lire`,
    ],
  ],
  takenBack: [
    [
      'est-nie',
      `(?:ne|n'|surtout pas|ne surtout) ?(?:me |m'|nous |se )?(?:desinscri|desabonn|retire|enleve|supprime)\\w*(?: \\w+){0,2} (?:pas|surtout|jamais)|(?:veux|souhaite|voulais|desire) (?:surtout )?pas (?:me |m'|etre |nous )?(?:desabonn|desinscri|retir)\\w*|pas me des\\w+`,
    ],
    [
      'demande-comment',
      `(?:comment|ou est|ou se|peut on|puis je|est ce que|que devien\\w+|qu'arrive|pourquoi|a quoi)`,
    ],
    ['est-une-condition', `si (?!possible|vous)\\w*(?: \\w+)* (?:je me|me) des\\w+|si je me`],
    [
      'est-un-autre',
      `(?:desinscri\\w*|desabonn\\w*|retirez|supprimez|enlevez|retirer|supprimer|enlever) (?:mon |ma |mes |le |la |les |l'|un |une )(?!(?:adresse|mail|e ?mail|nom|coordonnees|newsletter|liste))\\w+(?!.*moi aussi)|je desabonne|(?:veut|voudrait|demande|souhaite) que vous|a (?:ecrit|dit|demande)|(?:lui|leur) (?:ecrire|envoyer)`,
    ],
    [
      'est-arrive',
      `(?:ete|suis|etais|failli|presque)(?: me)? des(?:inscri|abonn)\\w*(?! en| depuis)|par erreur`,
    ],
    ['ne-recoit-plus', `(?:ne |n')?(?:recois|recoit|recevons|ai) plus (?:rien|la |le |vos|de|recu)|remettez`],
    [
      'autre-liste',
      `liste (?:d'attente|de courses|d'envies|des invites)|de ma commande|du devis|du panier|au telephone|par telephone|bouton|lien|papier|envoyez (?:pas|plus) (?:le|la) (?:colis|commande)|mauvaise (?:taille|couleur)|plus de questions?`,
    ],
  ],
  alone: {
    courtesy: `(?:bonjour|bonsoir|salut|madame|monsieur|messieurs|mesdames|chere?|cher|s'il vous plait|s'il te plait|svp|stp|merci|beaucoup|bien|d'avance|par avance|cordialement|salutations|respectueusement|sinceres|bonne|journee|soiree|a vous|bien a vous|et|oui|non|ok|l'equipe|toute|a tous|d'accord)`,
    before: `(?:merci|svp|s'il vous plait|bonjour|bonsoir|de|bien vouloir|vouloir|veuillez|priere|pourriez vous|pouvez vous|peux tu|pourrais tu|je vous (?:prie|demande|remercie)|je (?:souhaite|veux|voudrais|desire|souhaiterais)|j'aimerais|donc|alors|et|immediatement|monsieur|madame|par la presente|encore une fois|non|oui)`,
    requests: [
      [
        'un-mot',
        `stop|stop (?:pub|svp|merci|mails?|newsletters?)|desinscription|desabonnement|desinscrire|desabonner|me desinscrire|me desabonner|desinscrivez moi|desabonnez moi|retirez moi`,
      ],
      [
        'desinscrire',
        `(?:(?:me|nous) (?:desinscrire|desabonner)|(?:desinscri(?:vez|re|s)|desabonne[rz]?) (?:moi|nous)|desinscription|desabonnement|etre (?:desinscrite?|desabonnee?|retiree?)|mon desabonnement|ma desinscription)(?: ${LIST})?`,
      ],
      [
        'retirer',
        `(?:(?:retire[rz]?|enleve[rz]?|supprime[rz]?|raye[rz]?|ote[rz]?|efface[rz]?) (?:moi|nous|mon (?:adresse|mail|e ?mail|adresse (?:e ?mail|mail)|nom|contact)|cette adresse|mes coordonnees)|(?:me|nous) (?:retirer|enlever|supprimer|rayer|oter))(?: ${LIST})?`,
      ],
      [
        'ne-plus-recevoir',
        `(?:je |j'|nous )?(?:ne )?(?:veux|souhaite|desire|voudrais|voulons|souhaitons|aimerais)? ?(?:ne )?plus (?:recevoir (?:(?:de |d'|vos |ces |aucun |de vos |cette |votre )${MAIL}(?: de (?:vous|votre part))?)|etre (?:contacte|sollicite)e?s?(?: par (?:vous|mail|e ?mail))?)`,
      ],
      [
        'ne-plus-envoyer',
        `(?:ne )?(?:plus )?(?:m'|nous |me )(?:envoyez|envoyer|ecrivez|ecrire|contactez|contacter|adresser|adressez) ?(?:plus)?(?: (?:de |d'|vos |ces |aucun )?${MAIL})?`,
      ],
      [
        'arreter',
        `(?:arrete[rz]?|cesse[rz]?|stoppe[rz]?) (?:de (?:m'|nous |me )(?:ecrire|contacter|envoyer (?:de |des |vos |ces |d')?${MAIL})|(?:vos|ces) ${MAIL})`,
      ],
      ['plus-de-mails', `plus (?:de|d'|aucun) ?${MAIL}(?: de (?:vous|votre part))?`],
    ],
    after: `(?:svp|s'il vous plait|merci|stp|d'avance|immediatement|maintenant|rapidement|au plus vite|beaucoup|par avance)`,
    reasons: [
      [
        'pas-interesse',
        `(?:je ne suis |je suis |nous ne sommes )?(?:pas|plus) interesse\\w*|ca ne m'interesse (?:pas|plus)|non merci`,
      ],
      [
        'trop-de-mails',
        `(?:je )?(?:recois|recoit) (?:beaucoup )?trop de (?:e ?mails?|mails?|messages?|pubs?)|trop de (?:mails?|pubs?|e ?mails?)`,
      ],
    ],
  },
};
