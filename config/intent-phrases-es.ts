/** What people answer in Spanish: the phrases of each intent, what takes them back, and the bare requests that may act alone. */
import type { IntentPhrases } from './intent-phrases.ts';

const MAIL =
  '(?:correos?|e ?mails?|mails?|mensajes?|boletin(?:es)?|newsletters?|publicidad|propaganda|spam|promociones|ofertas|cartas|informacion|comunicaciones)(?: (?:comerciales|electronicos?|publicitari[oa]s))?';
const LIST =
  '(?:(?:de|del|en) ?(?:la |el |los |las |su |sus |vuestra |esta |este |estas |todas sus )?(?:listas?|boletin(?:es)?|newsletters?|base|bases|base de datos|correos?|mailings?|suscripcion|sistema|envios?|registros?)(?: de (?:correos?|distribucion|envios?|datos|contactos?|difusion|suscriptores|mailing|e ?mail))?)';

export const spanish: IntentPhrases = {
  language: 'es',
  phrases: [
    [
      'baja',
      'unsubscribe',
      `(?:dar(?:me|nos)?|de(?:n|me)(?:me|nos)?|dad(?:me|nos)|da(?:me|nos)|doy|denos|den|causar|solicit\\w+|pido|quiero) (?:(?:me |nos )?de )?(?:la )?baja|dar de baja|me den de baja|(?:mi|la) baja de`,
    ],
    [
      'quitar-de-la-lista',
      'unsubscribe',
      `(?:quit|saqu|sac|borr|elimin|retir|suprim|exclu)\\w*(?:me|nos)|(?:me|nos) (?:quit|saqu|borr|elimin|retir)(?:en?|es|eis)|(?:elimin|borr|quit)(?:en|ar|e|ad|a) (?:de (?:la|su) lista|(?:mi|este|esta) (?:correo|direccion|e ?mail|mail|nombre))|sacad(?:me)? ya`,
    ],
    [
      'no-recibir',
      'unsubscribe',
      `(?:no (?:quiero|deseo|queremos|deseamos|quisiera)|prefiero no|dejar de|ya no (?:quiero|deseo)) (?:seguir )?(?:recib\\w+|volver a recibir)|no recibir (?:nada )?mas`,
    ],
    [
      'no-envien',
      'unsubscribe',
      `no (?:me|nos) (?:envi\\w+|mand\\w+|escrib\\w+|contact\\w+)|no (?:quiero|queremos) (?:que me|mas|sus) (?:envien|escriban|correos|mensajes|publicidad)`,
    ],
    [
      'dejen-de',
      'unsubscribe',
      `(?:dej\\w+|par\\w+|ces\\w+) de (?:escribir|enviar|mandar|contactar|molestar)(?:me|nos)?`,
    ],
    [
      'no-mas-correos',
      'unsubscribe',
      `(?:no mas|basta de|ni un) (?:correos?|e ?mails?|mails?|mensajes?|publicidad|boletines)`,
    ],
    [
      'desuscribir',
      'unsubscribe',
      `desuscri\\w+|cancel\\w+ (?:mi |la )?suscripcion|anul\\w+ (?:mi |la )?suscripcion`,
    ],

    ['spam', 'complaint', `(?:es|como|su|puro) spam|correo basura|spammers?|acoso|acosando`],
    ['denunciar', 'complaint', `denunci\\w+|reclamar|reclamacion|queja|los reporto|reportar(?:los|les)`],
    [
      'datos',
      'complaint',
      `rgpd|lopd|aepd|gdpr|proteccion de datos|datos personales|mis datos|habeas data|derecho al olvido`,
    ],
    ['abogado', 'complaint', `abogad\\w+|acciones legales|demandar|tribunal\\w*|juzgado`],
    [
      'nunca-suscrito',
      'complaint',
      `nunca (?:me )?(?:suscrib\\w*|inscrib\\w*|di |apunt\\w*|registr\\w*|autoric\\w*|acept\\w*)|(?:no he dado|sin) (?:mi )?consentimiento|sin (?:mi )?(?:permiso|autorizacion)|de donde (?:sacaron|sacasteis|han sacado|tienen)`,
    ],

    [
      'no-la-persona',
      'wrong-person',
      `no soy (?:yo )?(?:la|el|quien) (?:persona|indicad\\w+|responsable|encargad\\w+|adecuad\\w+|contacto|lleva|que)|equivocan? de (?:persona|contacto|destinatario)|(?:se han|te has|se ha|os habeis) equivocado|persona equivocada|destinatario equivocado`,
    ],
    [
      'no-me-encargo',
      'wrong-person',
      `(?:ya )?no (?:me (?:encargo|ocupo|dedico)|llevo (?:este|el|esto|ese)|trabajo|gestiono|estoy (?:en|a cargo))|yo no llevo`,
    ],
    [
      'hable-con',
      'wrong-person',
      `(?:habl\\w+|contact\\w+|escrib\\w+|dirij\\w+) (?:se )?(?:con|a) (?!(?:mi|nosotros|este|esta)\\b)(?:\\w+ del?|don|dona|mi companer\\w+|\\w+$)|no es de mi (?:departamento|area|competencia)|no es (?:cosa mia|mi (?:area|departamento|tema))`,
    ],

    [
      'nueva-direccion',
      'address-change',
      `nuev[oa] (?:correo|direccion|e ?mail|mail)|(?:cambiado|cambie|cambio) (?:de |mi )(?:correo|direccion|e ?mail|mail)|(?:correo|direccion) ha cambiado`,
    ],
    [
      'usen-esta',
      'address-change',
      `(?:us\\w+|utilic\\w+|actualic\\w+) (?:desde ahora |a partir de ahora )?(?:por favor )?(?:mi|mis|esta|este) (?:direccion|correo|e ?mail|datos)|desde ahora|(?:escrib\\w+|mand\\w+) (?:\\w+ )?(?:mejor )?a \\S+@\\S+|(?:escrib|mand)\\w+ (?:mejor )?a \\S+@\\S+|actualicen`,
    ],
    ['mudado', 'address-change', `(?:nos hemos|me he|nos) muda\\w+|mudamos`],

    [
      'no-interesa',
      'not-interested',
      `no (?:me|nos) interesa\\w*|no (?:estoy|estamos) (?:ya )?interesad\\w+|no gracias|no es para (?:mi|nosotros)|^paso\\b|ya tenemos|(?:elegido|con) otr[oa] (?:empresa|proveedor|opcion)|sin interes|no (?:lo )?necesit\\w+`,
    ],

    ['roto', 'negative', `rot[oa]s?|danad\\w+|defectuos\\w+|estropead\\w+|no funciona\\w*`],
    [
      'devolucion',
      'negative',
      `reembols\\w+|devuelv\\w+ (?:el|mi) dinero|devolucion|cobrado (?:dos veces|doble|de mas)`,
    ],
    [
      'cancelar',
      'negative',
      `cancel(?:en|e|ar|ad|a) (?:mi|el|este) (?:pedido|orden|reserva|compra)|(?:talla|color|articulo|producto) equivocad\\w+|equivoque de`,
    ],
    [
      'descontento',
      'negative',
      `decepcion\\w+|verguenza|pesim\\w+|inaceptable|terrible|fatal|horrible|indignad\\w+|estafa|lo peor|mal servicio|lamentable`,
    ],
    [
      'no-llegado',
      'negative',
      `(?:no|nunca|nada) (?:ha |me ha |me |he )?(?:llegado|llego|recibido)|esperando|sigo (?:recibiendo|esperando)`,
    ],

    [
      'ahora-no',
      'not-now',
      `ahora (?:mismo )?no|no (?:por ahora|ahora|de momento|antes de)|(?:buen|mejor) momento|demasiado pronto|no hay presupuesto|sin presupuesto|estamos (?:llenos|liados|a tope)|de momento no`,
    ],
    [
      'mas-tarde',
      'not-now',
      `mas (?:adelante|tarde)|(?:proximo|siguiente) (?:ano|trimestre|mes)|(?:ano|mes) que viene|(?:escrib|contact|llam|intent|vuelv)\\w+ (?:me |nos |lo |a )*(?:en (?:ener|febrer|marz|abril|may|juni|juli|agost|septiembre|setiembre|octubre|noviembre|diciembre|otono|verano|primavera|invierno|un|dos|tres|seis|\\d)\\w*|despues|a partir|dentro)|en \\d+ meses|dentro de`,
    ],

    [
      'interesa',
      'interested',
      `(?:me|nos) interesa\\w*|interesad[oa]s?|me apunto|nos apuntamos|cuent\\w+ conmigo|suena bien|me encantaria|claro|adelante con`,
    ],
    [
      'llamada',
      'interested',
      `llam(?:en|e|a|ad|aran|ame|adme)(?:me|nos)?(?= |$)|me llam\\w+|mi (?:numero|telefono|movil) es|agendar|cita|una demo|reunion`,
    ],
    [
      'quiere-comprar',
      'interested',
      `(?:quiero|queremos|quisiera|quisieramos|gustaria|deseo) (?:\\w+ )?(?:comprar|pedir|saber|reservar|probar|recibir informacion|que me llam\\w+|apuntarme|encargar)|me (?:lo )?quedo`,
    ],
    [
      'pide-precio',
      'interested',
      `cuanto (?:cuesta|por|vale|es|seria)|presupuesto para|precios?|tarifas?|(?:un|su|hacer) presupuesto|(?:envi|mand|pas)\\w+ (?:me |nos )?(?:la |el |mas |los )?(?:info\\w*|detalles|catalogo|folleto|presupuesto)`,
    ],

    [
      'palabra-interrogativa',
      'question',
      `(?:como|cuando|donde|cual(?:es)?|por que|quien|podria\\w*|puedo|pueden|puede|se puede|hay|tienen|hacen|cuanto tiempo)`,
    ],
    ['no-entendido', 'question', `no (?:entiendo|comprendo|he entendido)|que (?:es|significa|quiere decir)`],

    ['gracias', 'thanks', `gracias|agradec\\w+|mil gracias`],
    [
      'elogio',
      'thanks',
      `(?:excelente|buen|buena|gran|estupendo|muy buen[oa]) (?:boletin|idea|articulo|trabajo|newsletter|correo)|me encanta\\b|siempre lo leo|enhorabuena|felicidades`,
    ],
  ],
  takenBack: [
    [
      'es-negado',
      `no (?:me |nos )?(?:den|des|deis|doy|quiten|borren|eliminen) (?:de baja|de la lista)|no (?:quiero|deseo) (?:dar(?:me)?|que me (?:den|quiten|borren)|la baja|causar)`,
    ],
    [
      'pregunta-como',
      `(?:como (?:me |puedo|se|doy|hago)|donde (?:esta|puedo)|se pueden?|que pasa|por que|han dado|puedo dar)`,
    ],
    ['es-condicion', `si (?!es posible|no |pueden|puede)(?:.{0,80} )?me doy de baja|si me doy|si el|casi me`],
    [
      'es-otro',
      `(?:den|doy|dar|dad|dado) de baja a (?!mi asistente)|(?:quiere|pide|dice|dijo|escribio|pidio) (?:que|baja)?|escribirle|mandarle|enviarle`,
    ],
    [
      'ha-ocurrido',
      `(?:me|nos) (?:han dado|dieron|habeis dado|habian dado) de baja|por error|estoy de baja|baja (?:medica|por enfermedad|laboral|maternal)|planta baja`,
    ],
    ['ya-no-llega', `(?:ya )?no (?:recibo|me llegan?|he recibido|recibimos)|no recibo nada`],
    [
      'otra-lista',
      `lista de (?:espera|deseos|invitados|la compra)|de (?:mi|el) pedido|del presupuesto|por telefono|los sms|tarjeta|talla|paquete|direccion antigua|no mas preguntas`,
    ],
  ],
  alone: {
    courtesy: `(?:hola|buenos|buenas|dias|tardes|noches|estimad[oa]s?|senor(?:es|a)?|por favor|porfavor|porfa|gracias|muchas|mil|un|saludo|saludos|cordiales|atentamente|de antemano|y|si|no|ok|vale|equipo|a todos)`,
    before: `(?:por favor|porfa|hola|gracias|les ruego|les pido|ruego|que|me gustaria|quiero|quisiera|deseo|necesito|solicito|y|pueden|podrian|puede|podria|podeis|puedes|me|nos|favor de|ya|si|no gracias|buenos dias)`,
    requests: [
      [
        'una-palabra',
        `stop|baja|de baja|la baja|darse de baja|desuscribir(?:me)?|desuscribirse|cancelar (?:mi |la )?suscripcion|no mas`,
      ],
      [
        'baja',
        `(?:dar(?:me|nos)?|den(?:me|nos)|deme|dame|dadme|me (?:den|doy|des|deis)|mi|la|tramiten mi|causar) (?:de )?baja(?: ${LIST})?(?: ya)?`,
      ],
      [
        'cancelar',
        `(?:cancel|anul)(?:ar|en|e|a|ad) (?:mi |la )?suscripcion(?: ${LIST})?|desuscri(?:banme|birme|bame|beme)(?: ${LIST})?`,
      ],
      [
        'quitar',
        `(?:quit|sac|saqu|borr|elimin|retir)(?:en|a|e|ad|ar)(?:me|nos)(?: ${LIST})?(?: ya)?|(?:elimin|borr|quit|retir)(?:en|a|e|ad|ar) (?:mi|este|esta) (?:correo|direccion|e ?mail|mail|nombre|direccion de correo)(?: ${LIST})?`,
      ],
      [
        'no-recibir',
        `(?:ya )?no (?:quiero|deseo|queremos|deseamos) (?:seguir )?(?:recibir|recibiendo) ?(?:mas |sus |nada mas |vuestros |estos |mas de estos |ningun )?(?:${MAIL})?(?: (?:de ustedes|suyos|mas))?`,
      ],
      [
        'no-envien',
        `no (?:me|nos) (?:envien|manden|mandes|envies|envieis|mandeis|envie|mande) (?:mas |sus )?(?:${MAIL})(?: mas)?|no (?:me|nos) (?:escriban|contacten|escribais|escribas)(?: mas)?`,
      ],
      [
        'dejen',
        `(?:dejen|deja|dejad|paren|cesen) de (?:escribir|contactar|molestar)(?:me|nos)|(?:dejen|deja|dejad|paren) de (?:enviar|mandar)(?:me|nos) (?:sus |estos |mas )?${MAIL}`,
      ],
      ['no-mas-correos', `no mas ${MAIL}`],
    ],
    after: `(?:por favor|gracias|ya|ahora|inmediatamente|porfa|de inmediato|cuanto antes)`,
    reasons: [
      ['no-interesa', `(?:ya )?no me interesa(?: mas)?|no estoy interesad\\w|no gracias`],
      [
        'demasiados-correos',
        `(?:recibo|me llegan) demasiados (?:correos|e ?mails?|mails?|mensajes)|demasiados (?:correos|e ?mails?)`,
      ],
    ],
  },
};
