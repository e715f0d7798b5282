import { DocketError } from '../errors.ts';

/** What a request asks for, as it stands in its first line. */
export interface RequestTarget {
  /** Percent-encoded, beginning with a slash. */
  readonly path: string;
  /** With its `?`; empty if there is none. */
  readonly search: string;
  /**
   * The path with what it need not escape unescaped, so that two ways of writing it match alike. Escaped slashes and percent signs stay, since they do not part
   * or begin anything.
   */
  readonly plain: string;
}

/** Scheme and host of a whole URL, and what comes behind them, if anything. */
const HOST = /^https?:\/\/[^/?#]*([/?#]|$)/i;

/**
 * A path, or a whole URL, whose host does not count (RFC 9112 §3.2.1 and 3.2.2). Steps to other folders (`..`) are not taken: no route has them, so nothing is behind
 * them. Throws `REQUEST_INVALID`.
 */
export function requestTarget(line: string): RequestTarget {
  const url = line.replace(HOST, (_, next: string) => (next === '/' ? '/' : `/${next}`));
  if (!url.startsWith('/')) throw new DocketError('REQUEST_INVALID', 'the request asks for something that is no path');
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  if (path.includes('\\') || url.includes('#')) throw new DocketError('REQUEST_INVALID', 'the path holds a backslash or a #');
  return { path, search: query < 0 ? '' : url.slice(query), plain: plainOf(path) };
}

function plainOf(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURI(path.replaceAll('%25', '%2525'));
  } catch {
    throw new DocketError('REQUEST_INVALID', 'the path holds a % that stands for nothing');
  }
}
