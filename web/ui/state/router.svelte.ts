/** The address says what you see: paths to rooms, with parameters, back and forward as a browser should. */

export interface Place {
  path: string;
  query: URLSearchParams;
}

const here = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });

class Router {
  #place = $state.raw<Place>(
    typeof location === 'undefined' ? { path: '/', query: new URLSearchParams() } : here(),
  );

  constructor() {
    if (typeof window === 'undefined') return;
    window.addEventListener('popstate', () => (this.#place = here()));
    // Links inside the application change the place without loading it again; with a modifier they open a tab.
    document.addEventListener('click', (event) => {
      const link = (event.target as Element | null)?.closest?.('a');
      if (!link || event.defaultPrevented || event.button !== 0) return;
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      if (link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return;
      if (!isOurs(link.pathname)) return;
      event.preventDefault();
      this.go(link.pathname + link.search);
    });
  }

  get path(): string {
    return this.#place.path;
  }

  get query(): URLSearchParams {
    return this.#place.query;
  }

  go(to: string, { replace = false } = {}): void {
    if (to === location.pathname + location.search) return;
    history[replace ? 'replaceState' : 'pushState'](null, '', to);
    this.#place = here();
  }

  /** Changes one part of the question behind the path; empty takes it away. */
  ask(name: string, value: string, options: { replace?: boolean } = {}): void {
    const query = new URLSearchParams(this.query);
    if (value === '') query.delete(name);
    else query.set(name, value);
    const text = query.toString();
    this.go(this.path + (text === '' ? '' : `?${text}`), options);
  }
}

/** Paths that the server answers itself are not rooms. */
export const isOurs = (path: string): boolean =>
  !/^\/(api|u|p|v|l|f|health|ready|metrics|assets)(\/|$)/.test(path);

/**
 * Reads a path by a pattern: `match('/inbox/:view/:id', '/inbox/mine/7')` is `{ view: 'mine', id: '7' }`; a part with a
 * question mark may be missing. Null when it is another path.
 */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/').filter((part) => part !== '');
  const given = path.split('/').filter((part) => part !== '');
  if (given.length > wanted.length) return null;
  const found: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const value = given[at];
    if (part.startsWith(':')) {
      if (value === undefined && !part.endsWith('?')) return null;
      if (value === undefined) continue;
      const text = decoded(value);
      if (text === null) return null;
      found[part.replace(/^:|\?$/g, '')] = text;
    } else if (part !== value) return null;
  }
  return found;
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

export const router = new Router();
