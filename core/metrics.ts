/** Counters, gauges and histograms in Prometheus' text format, kept in memory. */
export type Labels = Record<string, string | number>;

export interface Metrics {
  count(name: string, labels?: Labels, by?: number): void;
  gauge(name: string, value: number, labels?: Labels): void;
  /** Observes a duration in milliseconds; exported in seconds. */
  observe(name: string, ms: number, labels?: Labels): void;
  /** https://prometheus.io/docs/instrumenting/exposition_formats/ version 0.0.4 */
  text(): string;
}

const BUCKETS_S = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

export function createMetrics(): Metrics {
  const counters = new Map<string, Map<string, number>>();
  const gauges = new Map<string, Map<string, number>>();
  const histograms = new Map<string, Map<string, { buckets: number[]; sum: number; count: number }>>();

  const series = <V>(store: Map<string, Map<string, V>>, name: string): Map<string, V> => {
    const found = store.get(name) ?? new Map<string, V>();
    store.set(name, found);
    return found;
  };

  return {
    count(name, labels = {}, by = 1) {
      const values = series(counters, name);
      const key = labelText(labels);
      values.set(key, (values.get(key) ?? 0) + by);
    },
    gauge(name, value, labels = {}) {
      series(gauges, name).set(labelText(labels), value);
    },
    observe(name, ms, labels = {}) {
      const values = series(histograms, name);
      const key = labelText(labels);
      const found = values.get(key) ?? { buckets: BUCKETS_S.map(() => 0), sum: 0, count: 0 };
      const seconds = ms / 1000;
      for (let index = BUCKETS_S.length - 1; index >= 0 && seconds <= BUCKETS_S[index]!; index--)
        found.buckets[index]!++;
      found.sum += seconds;
      found.count++;
      values.set(key, found);
    },
    text() {
      const lines: string[] = [];
      for (const [kind, store] of [
        ['counter', counters],
        ['gauge', gauges],
      ] as const) {
        for (const [name, values] of store) {
          lines.push(`# TYPE parley_${name} ${kind}`);
          for (const [labels, value] of values) lines.push(`parley_${name}${braced(labels)} ${value}`);
        }
      }
      for (const [name, values] of histograms) {
        lines.push(`# TYPE parley_${name}_seconds histogram`);
        for (const [labels, { buckets, sum, count }] of values) {
          const and = labels === '' ? '' : `${labels},`;
          BUCKETS_S.forEach((limit, index) =>
            lines.push(`parley_${name}_seconds_bucket{${and}le="${limit}"} ${buckets[index]}`),
          );
          lines.push(`parley_${name}_seconds_bucket{${and}le="+Inf"} ${count}`);
          lines.push(`parley_${name}_seconds_sum${braced(labels)} ${sum}`);
          lines.push(`parley_${name}_seconds_count${braced(labels)} ${count}`);
        }
      }
      return `${lines.join('\n')}\n`;
    },
  };
}

const braced = (labels: string): string => (labels === '' ? '' : `{${labels}}`);

function labelText(labels: Labels): string {
  let text = '';
  for (const key in labels) {
    const value = String(labels[key]);
    const safe = UNSAFE.test(value)
      ? value.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))
      : value;
    text += `${text === '' ? '' : ','}${key}="${safe}"`;
  }
  return text;
}

const UNSAFE = /["\\\n]/;
