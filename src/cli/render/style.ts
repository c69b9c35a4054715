/**
 * Styles of a terminal, and the decision whether a stream gets them. `NO_COLOR` (no-color.org) and
 * `TERM=dumb` turn styles off. `FORCE_COLOR` turns them on, also in a pipe.
 */
import { styleText } from 'node:util'

import type { Environment } from '../../ground/environment.ts'

export type Format = Extract<Parameters<typeof styleText>[0], string>

/** Styles a text. Returns it unchanged if the stream gets no styles. */
export type Paint = (format: Format | readonly Format[], text: string) => string

export const noPaint: Paint = (_, text) => text

export const fullPaint: Paint = (format, text) =>
  text === '' || format.length === 0
    ? text
    : styleText(typeof format === 'string' ? format : [...format], text, { validateStream: false })

export function isStyled(stream: { isTTY?: boolean }, environment: Environment): boolean {
  const { NO_COLOR: no = '', FORCE_COLOR: force = '', TERM: terminal } = environment
  if (no !== '') return false
  if (force !== '' && force !== '0' && force !== 'false') return true
  return stream.isTTY === true && terminal !== 'dumb' && force === ''
}
