/**
 * Domains at which everybody can have an address: whoever writes from one is at no company that we could name by it. Providers
 * for the public, internet accesses with mail, and forwarders that hide an address. Dated: a newer date has companies worked
 * out anew when the program starts. What an installation finds beside these it marks on the company's page.
 */

export const FREE_MAIL_DATE = '2026-11-20';

const GLOBAL = `gmail.com googlemail.com outlook.com hotmail.com live.com msn.com passport.com windowslive.com
  yahoo.com ymail.com rocketmail.com myyahoo.com aol.com aim.com netscape.net icloud.com me.com mac.com privaterelay.appleid.com
  proton.me protonmail.com protonmail.ch pm.me tutanota.com tutanota.de tutamail.com tuta.io tuta.com keemail.me
  zoho.com zohomail.com zohomail.eu mail.com email.com usa.com europe.com post.com consultant.com engineer.com
  fastmail.com fastmail.fm fastmail.net hey.com hushmail.com hush.com mailfence.com runbox.com posteo.net
  mail.ru inbox.ru list.ru bk.ru internet.ru yandex.com yandex.ru ya.ru yandex.by yandex.kz yandex.ua rambler.ru
  duck.com relay.firefox.com mozmail.com simplelogin.com anonaddy.me addy.io riseup.net disroot.org startmail.com
  skiff.com lycos.com excite.com inbox.com gmx.com gmx.us rediffmail.com sina.com qq.com foxmail.com 163.com 126.com
  yeah.net 139.com sohu.com aliyun.com vip.qq.com naver.com hanmail.net daum.net kakao.com nate.com`;

const FRENCH = `orange.fr wanadoo.fr free.fr aliceadsl.fr libertysurf.fr online.fr laposte.net sfr.fr neuf.fr cegetel.net
  club-internet.fr numericable.fr noos.fr bbox.fr hotmail.fr outlook.fr live.fr yahoo.fr ymail.fr voila.fr 9online.fr 9business.fr
  gmx.fr netcourrier.com mailo.com mailo.eu caramail.fr caramail.com dbmail.com numericable.com tele2.fr infonie.fr
  nordnet.fr ozone.net vialis.net estvideo.fr evc.net orange.nc lagoon.nc mls.nc canl.nc mail.pf zeop.re only.fr izi.re
  tutamail.fr msn.fr aol.fr windowslive.fr outlook.be hotmail.be live.be yahoo.be skynet.be proximus.be telenet.be scarlet.be
  voo.be belgacom.net bluewin.ch hispeed.ch sunrise.ch swissonline.ch hotmail.ch gmx.ch outlook.lu pt.lu vo.lu internet.lu
  videotron.ca sympatico.ca bell.net hotmail.ca live.ca yahoo.ca outlook.ca rogers.com shaw.ca telus.net cogeco.ca eastlink.ca`;

const GERMAN = `gmx.de gmx.net gmx.at web.de t-online.de freenet.de arcor.de posteo.de mailbox.org online.de onlinehome.de
  vodafone.de vodafonemail.de kabelmail.de unitybox.de 1und1.de email.de hotmail.de outlook.de live.de yahoo.de ymail.de
  aol.de googlemail.de mail.de magenta.de o2online.de o2mail.de netcologne.de ewetel.net ewe.net osnanet.de
  a1.net aon.at chello.at inode.at hotmail.at live.at outlook.at yahoo.at drei.at kabsi.at liwest.at`;

const IBERIAN_AND_ITALIAN = `hotmail.es outlook.es live.es yahoo.es telefonica.net movistar.es terra.es ono.com orange.es
  wanadoo.es jazztel.es vodafone.es euskaltel.net yahoo.com.mx hotmail.com.mx live.com.mx prodigy.net.mx outlook.com.mx
  yahoo.com.ar hotmail.com.ar live.com.ar fibertel.com.ar speedy.com.ar arnet.com.ar outlook.com.ar yahoo.cl yahoo.com.co
  sapo.pt hotmail.pt live.com.pt outlook.pt clix.pt netcabo.pt mail.telepac.pt iol.pt yahoo.com.br hotmail.com.br
  outlook.com.br live.com.br bol.com.br uol.com.br terra.com.br ig.com.br globo.com globomail.com oi.com.br r7.com
  libero.it virgilio.it tin.it alice.it tim.it tiscali.it hotmail.it outlook.it live.it yahoo.it ymail.it fastwebnet.it
  inwind.it iol.it blu.it email.it vodafone.it wind.it pec.it`;

const ENGLISH = `hotmail.co.uk outlook.co.uk live.co.uk yahoo.co.uk ymail.co.uk btinternet.com btopenworld.com bt.com
  talktalk.net sky.com virginmedia.com virgin.net ntlworld.com blueyonder.co.uk tiscali.co.uk plusnet.com plus.com
  aol.co.uk o2.co.uk eircom.net yahoo.ie hotmail.ie live.ie outlook.ie mail.ie comcast.net xfinity.com verizon.net att.net
  sbcglobal.net bellsouth.net pacbell.net ameritech.net swbell.net cox.net charter.net spectrum.net roadrunner.com rr.com
  twc.com earthlink.net mindspring.com juno.com netzero.net netzero.com centurylink.net q.com frontier.com frontiernet.net
  windstream.net optonline.net optimum.net suddenlink.net mediacombb.net embarqmail.com cableone.net bigpond.com
  bigpond.net.au optusnet.com.au iinet.net.au internode.on.net tpg.com.au yahoo.com.au hotmail.com.au outlook.com.au
  live.com.au westnet.com.au ozemail.com.au xtra.co.nz yahoo.co.nz hotmail.co.nz outlook.co.nz slingshot.co.nz
  yahoo.co.in yahoo.in hotmail.in outlook.in rediff.com webmail.co.za mweb.co.za telkomsa.net yahoo.co.za vodamail.co.za`;

const ELSEWHERE = `ziggo.nl kpnmail.nl kpnplanet.nl planet.nl hetnet.nl home.nl casema.nl chello.nl upcmail.nl xs4all.nl
  quicknet.nl tele2.nl zonnet.nl online.nl hotmail.nl outlook.nl live.nl yahoo.nl telfort.nl solcon.nl
  telia.com tele2.se comhem.se bredband.net spray.se hotmail.se outlook.se live.se yahoo.se passagen.se glocalnet.net
  online.no broadpark.no getmail.no hotmail.no live.no outlook.no yahoo.no
  hotmail.dk outlook.dk live.dk yahoo.dk mail.dk jubii.dk mail.tele.dk stofanet.dk youmail.dk ofir.dk
  luukku.com suomi24.fi kolumbus.fi elisanet.fi saunalahti.fi hotmail.fi outlook.fi live.fi pp.inet.fi welho.com
  wp.pl o2.pl onet.pl onet.eu op.pl vp.pl interia.pl interia.eu gazeta.pl poczta.fm poczta.onet.pl tlen.pl buziaczek.pl hotmail.pl
  seznam.cz email.cz centrum.cz atlas.cz volny.cz post.cz azet.sk centrum.sk zoznam.sk post.sk
  freemail.hu citromail.hu t-online.hu indamail.hu vipmail.hu yahoo.ro gmail.ro abv.bg mail.bg dir.bg
  ukr.net i.ua meta.ua bigmir.net inbox.lv inbox.lt mail.ee hot.ee one.lt yahoo.gr hotmail.gr otenet.gr forthnet.gr
  walla.co.il walla.com netvision.net.il 013.net hotmail.co.il mynet.com hotmail.com.tr outlook.com.tr yahoo.com.tr superonline.com
  yahoo.co.jp hotmail.co.jp outlook.jp docomo.ne.jp ezweb.ne.jp softbank.ne.jp i.softbank.jp nifty.com biglobe.ne.jp ocn.ne.jp
  so-net.ne.jp plala.or.jp yahoo.com.tw hinet.net pchome.com.tw seed.net.tw yahoo.com.hk netvigator.com yahoo.com.sg singnet.com.sg
  yahoo.com.ph yahoo.co.id yahoo.com.vn yahoo.com.my menara.ma iam.net.ma topnet.tn gnet.tn planet.tn yahoo.dz djaweb.dz`;

export const FREE_MAIL: ReadonlySet<string> = new Set(
  [GLOBAL, FRENCH, GERMAN, IBERIAN_AND_ITALIAN, ENGLISH, ELSEWHERE].join(' ').split(/\s+/),
);
