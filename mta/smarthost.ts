/**
 * A smarthost as a way out: somebody else's server that takes our mail to the world, by name and password. It is a site of
 * its own with its own limits. What the recipient's provider then says of a message is not known to us, and that is said.
 */
import type { Provider } from '../config/providers.ts';

export interface SmarthostWay {
  id: number;
  name: string;
  host: string;
  port: number;
  tls: 'implicit' | 'starttls' | 'none';
  /** Whether its certificate must be right for its name. */
  verify: boolean;
  username: string;
  password: string;
  /** Its limits, in the form in which every site has them. */
  provider: Provider;
}

/** Its name among the sites. */
export const siteOfSmarthost = (name: string): string => `smarthost ${name}`;
