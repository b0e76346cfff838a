/** The one way to the server: JSON in and out, the token against forged requests, errors that a person can read. */

export class ApiFault extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: Record<string, string>;

  constructor(status: number, code: string, message: string, fields: Record<string, string> = {}) {
    super(message);
    this.name = 'ApiFault';
    this.status = status;
    this.code = code;
    this.fields = fields;
  }
}

let csrf = '';
let onSignedOut: () => void = () => undefined;

export const setCsrf = (token: string | null): void => {
  csrf = token ?? '';
};
export const whenSignedOut = (run: () => void): void => {
  onSignedOut = run;
};

async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  { signal, asFile = false }: { signal?: AbortSignal | undefined; asFile?: boolean } = {},
): Promise<T> {
  const isFile = body instanceof Blob;
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      headers: {
        accept: 'application/json',
        ...(method === 'GET' ? {} : { 'x-csrf-token': csrf }),
        ...(body === undefined ? {} : { 'content-type': isFile ? 'text/csv' : 'application/json' }),
      },
      ...(body === undefined ? {} : { body: isFile ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new ApiFault(0, 'offline', 'offline');
  }
  if (asFile && response.ok) return (await response.blob()) as T;
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  const answer: unknown = isJson ? await response.json() : await response.text();
  if (response.ok) return answer as T;
  const { error } = (isJson ? answer : {}) as {
    error?: { code?: string; message?: string; fields?: Record<string, string> };
  };
  if (response.status === 401 && error?.code === 'unauthenticated') onSignedOut();
  throw new ApiFault(
    response.status,
    error?.code ?? 'unknown',
    error?.message ?? response.statusText,
    error?.fields,
  );
}

export const api = {
  get: <T>(path: string, signal?: AbortSignal) => call<T>('GET', path, undefined, { signal }),
  /** What a POST answers, as bytes to be saved. */
  file: (path: string, body: unknown) => call<Blob>('POST', path, body, { asFile: true }),
  post: <T>(path: string, body: unknown = {}) => call<T>('POST', path, body),
  put: <T>(path: string, body: unknown) => call<T>('PUT', path, body),
  patch: <T>(path: string, body: unknown) => call<T>('PATCH', path, body),
  delete: <T>(path: string) => call<T>('DELETE', path),
};

/** A path with a question behind it; what is empty is left out. */
export function withQuery(
  path: string,
  query: Record<string, string | number | boolean | null | undefined>,
): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') parts.set(name, String(value));
  }
  const text = parts.toString();
  return text === '' ? path : `${path}?${text}`;
}
