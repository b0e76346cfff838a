/**
 * The step that lets one person have several addresses, gives each address and each external id one owner, and keeps room for
 * companies, for proposals of who may be one person, and for merges that can be taken back.
 */
import type { Migration } from './migrations.ts';

type Steps = Migration['up'];

/** No address is in both tables. Who inserts a taken one inserts nothing, as if the unique index had said so. */
const oneOwner: Steps = [
  {
    sqlite: `create trigger contact_email_free before insert on contact
      when exists (select 1 from contact_address where address = new.email) begin select raise(ignore); end`,
  },
  {
    sqlite: `create trigger contact_address_free before insert on contact_address
      when exists (select 1 from contact where email = new.address) begin select raise(ignore); end`,
  },
  {
    sqlite: `create trigger contact_email_kept before update of email on contact
      when new.email <> old.email and exists (select 1 from contact_address where address = new.email)
      begin select raise(abort, 'the address is one of another contact'); end`,
  },
  // Several may insert at once: those of contacts together, one of another address alone, so that each sees the other's row.
  {
    postgres: `create function contact_email_free() returns trigger language plpgsql as $$ begin
      perform pg_advisory_xact_lock_shared(7265736501);
      if exists (select 1 from contact_address where address = new.email) then return null; end if; return new; end $$`,
  },
  {
    postgres: `create trigger contact_email_free before insert on contact for each row execute function contact_email_free()`,
  },
  {
    postgres: `create function contact_address_free() returns trigger language plpgsql as $$ begin
      perform pg_advisory_xact_lock(7265736501);
      if exists (select 1 from contact where email = new.address) then return null; end if; return new; end $$`,
  },
  {
    postgres: `create trigger contact_address_free before insert on contact_address for each row execute function contact_address_free()`,
  },
  {
    postgres: `create function contact_email_kept() returns trigger language plpgsql as $$ begin
      perform pg_advisory_xact_lock_shared(7265736501);
      if new.email <> old.email and exists (select 1 from contact_address where address = new.email)
        then raise exception 'the address is one of another contact'; end if; return new; end $$`,
  },
  {
    postgres: `create trigger contact_email_kept before update of email on contact for each row execute function contact_email_kept()`,
  },
];

/** Whom a suppression touches: also by their other addresses, and by these coming and going. */
const watchedAddresses: Steps = (['insert', 'update', 'delete'] as const).flatMap((verb): Steps => {
  const row = verb === 'delete' ? 'old' : 'new';
  const ofSuppression = `insert into audience_change (contact_id, what)
    select id, 'suppression' from contact where email = ${row}.address
    union all select contact_id, 'suppression' from contact_address where address = ${row}.address;`;
  const ofAddress = `insert into audience_change (contact_id, what) values (${row}.contact_id, 'suppression');`;
  const moved = `insert into audience_change (contact_id, what) select old.contact_id, 'suppression' where old.contact_id <> new.contact_id;`;
  const noted = verb === 'update' ? `${ofAddress} ${moved}` : ofAddress;
  return [
    { sqlite: `drop trigger suppression_watched_${verb}` },
    {
      sqlite: `create trigger suppression_watched_${verb} after ${verb} on suppression begin ${ofSuppression} end`,
    },
    {
      sqlite: `create trigger contact_address_watched_${verb} after ${verb} on contact_address begin ${noted} end`,
    },
    {
      postgres: `create or replace function suppression_watched_${verb}() returns trigger language plpgsql as $$ begin ${ofSuppression} return null; end $$`,
    },
    {
      postgres: `create function contact_address_watched_${verb}() returns trigger language plpgsql as $$ begin ${noted} return null; end $$`,
    },
    {
      postgres: `create trigger contact_address_watched_${verb} after ${verb} on contact_address for each row execute function contact_address_watched_${verb}()`,
    },
  ];
});

/** Who leaves a company changes what is true of those who stay; one of them stands for all. Index: contact_company. */
const watchedCompanies: Steps = (['update', 'delete'] as const).flatMap((verb): Steps => {
  const after = verb === 'update' ? 'update of company_domain' : verb;
  const differs = verb === 'update' ? ' and old.company_domain is not new.company_domain' : '';
  const note = `insert into audience_change (contact_id, what) select id, 'company' from contact
    where company_domain = old.company_domain and id <> old.id limit 1;`;
  const name = `contact_company_${verb}`;
  return [
    {
      sqlite: `create trigger ${name} after ${after} on contact when old.company_domain is not null${differs} begin
        insert into audience_change (contact_id, what) select * from (select id, 'company' from contact
          where company_domain = old.company_domain and id <> old.id limit 1); end`,
    },
    {
      postgres: `create function ${name}() returns trigger language plpgsql as $$ begin ${note} return null; end $$`,
    },
    {
      postgres: `create trigger ${name} after ${after} on contact for each row
        when (old.company_domain is not null${differs.replace('is not new', 'is distinct from new')}) execute function ${name}()`,
    },
  ];
});

export const peopleMigration: Migration = {
  name: '0026_people',
  up: [
    `create table contact_address (id :id, contact_id :int not null, address text not null unique, domain text not null,
      state text not null default 'active', source text not null default '', created_at :int not null)`,
    `create index contact_address_contact on contact_address (contact_id)`,
    `alter table contact add column company_domain text`,
    `create index contact_company on contact (company_domain) where company_domain is not null`,
    `create table company (domain text primary key, name text not null default '', note text not null default '',
      kind text not null default 'company', updated_at :int not null)`,
    `create table duplicate_pair (a_id :int not null, b_id :int not null, reasons :json not null, score :int not null,
      state text not null default 'open', found_at :int not null, decided_by :int, decided_at :int, primary key (a_id, b_id))`,
    `create index duplicate_pair_open on duplicate_pair (score, a_id, b_id) where state = 'open'`,
    `create index duplicate_pair_b on duplicate_pair (b_id)`,
    `create table contact_merge (id :id, kept_id :int not null, gone_id :int not null, at :int not null, made_by :int, snapshot :json,
      undone_at :int, undone_by :int)`,
    `create index contact_merge_kept on contact_merge (kept_id)`,
    `create index contact_merge_open on contact_merge (at) where snapshot is not null`,
    // An external id is one person's. Where two had the same the older contact keeps it, and the pair is proposed for a merge.
    `insert into duplicate_pair (a_id, b_id, reasons, score, found_at)
      select oldest.id, contact.id, '["external-id"]', 100, 0 from contact
        join (select external_id, min(id) as id from contact where external_id is not null group by external_id) as oldest
          on oldest.external_id = contact.external_id
      where contact.id > oldest.id`,
    `update contact set external_id = null where external_id is not null and id > (select min(other.id) from contact as other
      where other.external_id = contact.external_id)`,
    `drop index contact_external`,
    `create unique index contact_external on contact (external_id) where external_id is not null`,
    ...oneOwner,
    ...watchedAddresses,
    ...watchedCompanies,
  ],
};
