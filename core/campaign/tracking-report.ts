/** What a campaign's readers opened and pressed: those who may be counted, out of how many, and machines apart. */
import { Problem } from '../errors.ts';
import { campaignById } from '../store/campaign.ts';
import { templateVersionById } from '../store/content.ts';
import { fromJson } from '../store/json.ts';
import type { Db } from '../store/tables.ts';
import {
  linkCounts,
  machineReasons,
  trackedKinds,
  trackingCounts,
  type TrackedKind,
} from '../store/tracking.ts';
import type { LinkUse, TemplateSettings } from './template.ts';

/** Messages on which it happened, and how often in all. */
export interface Happened {
  people: number;
  hits: number;
}

export interface TrackedLink extends LinkUse {
  clicked: Happened;
  machines: number;
}

export interface CampaignTracking {
  delivered: number;
  /** Of these, those whose reader agreed to be counted; the share that every number here stands for. */
  full: number;
  hygiene: number;
  opened: Happened;
  clicked: Happened;
  machines: { opened: Happened; clicked: Happened; reasons: { reason: string; hits: number }[] };
  /** Most pressed first. */
  links: TrackedLink[];
}

export async function campaignTracking(db: Db, id: number): Promise<CampaignTracking> {
  const campaign = await campaignById(db, id);
  if (campaign === undefined) throw new Problem('not-found', 'there is no such campaign');
  const version =
    campaign.template_version_id === null
      ? undefined
      : await templateVersionById(db, campaign.template_version_id);
  const [counts, kinds, links, reasons] = await Promise.all([
    trackingCounts(db, id),
    trackedKinds(db, id),
    linkCounts(db, id),
    machineReasons(db, id),
  ]);
  const happened = (kind: TrackedKind['kind']): Happened => {
    const found = kinds.find((one) => one.kind === kind);
    return { people: found?.people ?? 0, hits: found?.hits ?? 0 };
  };
  const of = (link: number, kind: 'clicked' | 'clicked_machine') =>
    links.find((one) => one.link === link && one.kind === kind);
  const table = fromJson<Partial<TemplateSettings>>(version?.settings, {}).links ?? [];
  return {
    ...counts,
    opened: happened('opened'),
    clicked: happened('clicked'),
    machines: { opened: happened('opened_machine'), clicked: happened('clicked_machine'), reasons },
    links: table
      .map((link) => {
        const clicked = of(link.number, 'clicked');
        return {
          ...link,
          clicked: { people: clicked?.people ?? 0, hits: clicked?.hits ?? 0 },
          machines: of(link.number, 'clicked_machine')?.hits ?? 0,
        };
      })
      .toSorted(
        (a, b) =>
          b.clicked.people - a.clicked.people || b.clicked.hits - a.clicked.hits || a.number - b.number,
      ),
  };
}
