import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, TomlError, type TomlTable } from 'smol-toml';
import { didYouMean } from '../../base/suggest.ts';
import { DocketError, type Place, systemCode } from '../../errors.ts';
import { SETTING_NAMES, type SettingName, settingOf } from './settings.ts';
import { keyLines } from './toml-lines.ts';

/** What stands in a config file; not checked yet. */
export interface ConfigFile {
  readonly path: string;
  readonly values: Partial<Record<SettingName, unknown>>;
  /** Where a setting stands. */
  place(name: string): Place;
}

/** Characters of a config file. */
const LONGEST = 64 * 1024;

/** Undefined if the file may be absent and is. Throws `CONFIG_INVALID`. */
export function readConfigFile(path: string, { mayBeAbsent }: { readonly mayBeAbsent: boolean }): ConfigFile | undefined {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    if (mayBeAbsent && systemCode(cause) === 'ENOENT') return undefined;
    const why = cause instanceof TypeError ? 'it is no text in UTF-8' : (cause as Error).message;
    throw new DocketError('CONFIG_INVALID', `the config file ${path} cannot be read: ${why}`, { cause });
  }
  if (text.length > LONGEST)
    throw new DocketError('CONFIG_INVALID', `the config file is longer than ${LONGEST} characters`, { place: { file: path } });
  const table = tableOf(text, path);
  let lines: ReadonlyMap<string, number> | undefined;
  const place = (name: string): Place => {
    const line = (lines ??= keyLines(text)).get(name);
    return { file: path, ...(line === undefined ? {} : { line }) };
  };
  for (const key of Object.keys(table)) {
    if (SETTING_NAMES.some((name) => name === key)) continue;
    // Whoever knows other programs writes tls_cert.
    const likely = key.replaceAll('_', '-').toLowerCase();
    const near = SETTING_NAMES.some((name) => name === likely) ? ` (did you mean "${likely}"?)` : didYouMean(key, SETTING_NAMES);
    throw new DocketError('CONFIG_INVALID', `"${key}" is not known${near}`, {
      place: place(key),
      next: `There are: ${SETTING_NAMES.join(', ')}.`,
    });
  }
  const values = Object.entries(table).map(([name, value]) => {
    const isPath = settingOf(name as SettingName).shape === 'path' && typeof value === 'string' && value !== '';
    return [name, isPath ? resolve(dirname(path), value) : value];
  });
  return { path, values: Object.fromEntries(values) as ConfigFile['values'], place };
}

function tableOf(text: string, file: string): TomlTable {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first = ''] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    throw new DocketError('CONFIG_INVALID', first, { place: { file, line: error.line, column: error.column } });
  }
}
