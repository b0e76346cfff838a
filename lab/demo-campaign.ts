/** The campaign that the demo sends: a letter of a small shop, in HTML and text, personal, with a way to leave. */
export const SUBJECT = '{{ contact.first_name | default: "Bonjour" }}, votre sélection d’été est prête';
export const SECOND_SUBJECT =
  'Dernier rappel, {{ contact.first_name | default: "bonjour" }} : l’été n’attend pas';

export const HTML = `<!doctype html>
<html lang="fr">
  <head><meta charset="utf-8"><title>Maison Colombe</title></head>
  <body style="margin:0;background:#f5f1ea;font-family:Georgia,serif;color:#2b2622">
    <table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:24px 12px">
      <table role="presentation" width="600" cellpadding="0" cellspacing="0" style="background:#ffffff;border-radius:8px">
        <tr><td style="padding:28px 32px 8px"><img src="https://images.colombe.example/logo.png" width="140" height="36" alt="Maison Colombe"></td></tr>
        <tr><td style="padding:8px 32px">
          <h1 style="font-size:26px;font-weight:normal;margin:12px 0">Bonjour {{ contact.first_name | default: "à vous" }},</h1>
          <p style="font-size:16px;line-height:1.6">L’été arrive{% if contact.city %} à {{ contact.city }}{% endif %}, et avec lui notre lin lavé, teint à la main dans l’atelier.
          {% if contact.orders > 3 %}Vous nous suivez depuis longtemps : merci. Une attention vous attend en boutique.{% else %}Découvrez ce que nous avons préparé.{% endif %}</p>
          <p style="text-align:center;margin:28px 0"><a href="https://www.colombe.example/ete" style="background:#2f5bd7;color:#ffffff;padding:12px 26px;border-radius:6px;text-decoration:none">Voir la sélection</a></p>
          <p><a href="https://www.colombe.example/robe-bleue"><img src="https://images.colombe.example/robe.jpg" width="536" height="300" alt="La robe bleue en lin lavé" style="max-width:100%"></a></p>
          <p style="font-size:16px;line-height:1.6">Une question sur une taille, une couleur ? <strong>Répondez simplement à ce message</strong> : Camille vous lit.</p>
        </td></tr>
        <tr><td style="padding:20px 32px 28px;font-size:12px;color:#7a716a">
          {{ brand.name }} · {{ brand.postal_address }}<br>
          <a href="{{ unsubscribe_url }}" style="color:#7a716a">Se désabonner</a> · <a href="{{ preferences_url }}" style="color:#7a716a">Choisir ce que je reçois</a>
        </td></tr>
      </table>
    </td></tr></table>
  </body>
</html>`;

export const TEXT = `Bonjour {{ contact.first_name | default: "à vous" }},

L’été arrive, et avec lui notre lin lavé, teint à la main dans l’atelier.
Voir la sélection : https://www.colombe.example/ete

Une question ? Répondez simplement à ce message : Camille vous lit.

--
{{ brand.name }} · {{ brand.postal_address }}
Se désabonner : {{ unsubscribe_url }}`;
