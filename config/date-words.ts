/**
 * The words for months, days of the week and near days, as people write them in the four languages that absences are read
 * in. Matched on text in lower case without accents, so they are written that way.
 */
const month = (names: string): string[] => names.split(' ');

const monthNames: string[][] = [
  month('january jan janvier janv januar janner enero ene'),
  month('february feb fevrier fev fevr februar febrero'),
  month('march mar mars marz maerz mrz marzo'),
  month('april apr avril avr abril abr'),
  month('may mai mayo'),
  month('june jun juin juni junio'),
  month('july jul juillet juil juli julio'),
  month('august aug aout agosto ago'),
  month('september sep sept septembre septiembre setiembre'),
  month('october oct octobre oktober okt octubre'),
  month('november nov novembre noviembre'),
  month('december dec decembre dezember dez diciembre dic'),
];

/** 0 is January. */
export const monthOf = new Map(monthNames.flatMap((names, place) => names.map((name) => [name, place])));

const dayNames: string[][] = [
  month('sunday sun dimanche sonntag domingo'),
  month('monday mon lundi montag lunes'),
  month('tuesday tue tues mardi dienstag martes'),
  month('wednesday wed mercredi mittwoch miercoles'),
  month('thursday thu thur thurs jeudi donnerstag jueves'),
  month('friday fri vendredi freitag viernes'),
  month('saturday sat samedi samstag sonnabend sabado'),
];

/** 0 is Sunday, as `getUTCDay` counts. */
export const weekdayOf = new Map(dayNames.flatMap((names, place) => names.map((name) => [name, place])));

/** Days from the one on which it was written. */
export const nearDays = new Map<string, number>([
  ['tomorrow', 1],
  ['demain', 1],
  ['morgen', 1],
  ['manana', 1],
  ['ubermorgen', 2],
  ['apres-demain', 2],
  ['pasado manana', 2],
  ['the day after tomorrow', 2],
]);

export const numberWords = new Map<string, number>(
  (
    [
      ['one a an un une ein eine einer einem una uno', 1],
      ['two deux zwei dos', 2],
      ['three trois drei tres', 3],
      ['four quatre vier cuatro', 4],
      ['five cinq funf cinco', 5],
      ['six sechs seis', 6],
      ['eight huit acht ocho', 8],
      ['ten dix zehn diez', 10],
    ] as [string, number][]
  ).flatMap(([names, value]) => names.split(' ').map((name): [string, number] => [name, value])),
);
