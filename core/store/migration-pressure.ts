/** The step that counts how many mails people got, keeps how many they may get, and at which hours of the week they act. */
import type { Migration } from './migrations.ts';

export const pressureMigration: Migration = {
  name: '0028_pressure',
  up: [
    {
      sqlite: `create table mail_got (contact_id integer not null, at integer not null, delivery_id integer not null,
          list_id integer, brand_id integer not null, primary key (contact_id, at, delivery_id)) without rowid`,
      postgres: `create table mail_got (contact_id bigint not null, at bigint not null, delivery_id bigint not null,
          list_id bigint, brand_id bigint not null, primary key (contact_id, at, delivery_id))`,
    },
    // What was delivered of late counts from the first day on.
    `insert into mail_got (contact_id, at, delivery_id, list_id, brand_id)
        select d.contact_id, d.finished_at, d.id, v.list_id, s.brand_id from any_delivery d
        join template_version v on v.id = d.template_version_id join sending_domain s on s.id = d.sending_domain_id
        where d.lane = 'bulk' and d.state = 'delivered' and d.contact_id is not null and d.finished_at is not null`,
    `create table frequency_cap (id :id, most :int not null, days :int not null, wait_days :int not null, segment_id :int,
        list_id :int, brand_id :int, made_by :int, created_at :int not null, updated_at :int not null)`,
    // Asked at every claim: does anybody ask for less?
    `create index contact_wish on contact (max_frequency) where max_frequency <> 'all'`,
    {
      sqlite: `create table person_hour (contact_id integer not null, hour integer not null, weight real not null,
          primary key (contact_id, hour)) without rowid`,
      postgres: `create table person_hour (contact_id bigint not null, hour bigint not null, weight double precision not null,
          primary key (contact_id, hour))`,
    },
    {
      sqlite: `create table domain_hour (domain text not null, hour integer not null, weight real not null,
          primary key (domain, hour)) without rowid`,
      postgres: `create table domain_hour (domain text not null, hour bigint not null, weight double precision not null,
          primary key (domain, hour))`,
    },
    `create table hour_cursor (id :int primary key, event_id :int not null)`,
    `insert into hour_cursor (id, event_id) values (1, 0)`,
    `alter table campaign add column best_hours :int`,
  ],
};
