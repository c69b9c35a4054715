/**
 * Checks the files of a new message before anything is stored. It refuses files that no model can
 * read: an address that only the sender's browser or machine can reach, and a `data:` URL without
 * data.
 */
import type { UIMessage } from 'ai'

import { LoomError } from '../../ground/error.ts'
import { mayBeText } from '../../model/prompt/text-file.ts'
import { addressFault, type FileUrls } from './file-address.ts'

/**
 * Checks the files of a message.
 * @param fileUrls the addresses that a file may have besides a `data:` URL
 * @param isStored whether the session has a file with this address. @defaultValue it has none
 * @throws LoomError `invalid-request` that names the file and its fault
 */
export function checkFiles(
  { parts }: Pick<UIMessage, 'parts'>,
  fileUrls: FileUrls,
  isStored: (url: string) => boolean = () => false,
): void {
  for (const part of parts) {
    if (part.type !== 'file' || isStored(part.url)) continue
    const fault = faultOf(part.url, part.mediaType, fileUrls)
    if (fault !== undefined) {
      throw new LoomError('invalid-request', `${fileName(part.filename)} cannot be read: ${fault}`)
    }
  }
}

/** Names a file in an error text, by a short form of its name. */
export const fileName = (filename: string | undefined): string =>
  filename === undefined || filename === ''
    ? 'A file without a name'
    : `The file ${JSON.stringify(filename.slice(0, 80))}`

function faultOf(url: string, mediaType: string, fileUrls: FileUrls): string | undefined {
  return /^data:/i.test(url) ? dataFault(url, mediaType) : addressFault(url, fileUrls)
}

/** 2 MiB in base64. */
const textUrlMax = 2_800_000

/**
 * See RFC 2397. A text may be empty. An image without bytes makes providers refuse the whole
 * prompt.
 */
function dataFault(url: string, mediaType: string): string | undefined {
  const comma = url.indexOf(',')
  if (comma === -1)
    return 'its "data:" URL has no comma, so it holds no data. Attach the file again.'
  const isText = /^(?:text\/|application\/(?:.*\+)?(?:json|xml))/i.test(mediaType)
  // The text is written into each prompt again, and no model reads so much.
  if (mayBeText(mediaType) && url.length > textUrlMax)
    return `it is text of more than ${textUrlMax} characters as a URL. Send a shorter part of it.`
  if (comma === url.length - 1 && !isText) return 'it is empty. Attach a file that has content.'
  if (!/;\s*base64\s*$/i.test(url.slice(0, comma))) {
    return url.length > textUrlMax
      ? 'its "data:" URL is long and not base64. Send it as base64.'
      : undefined
  }
  return isBase64(url.slice(comma + 1))
    ? undefined
    : 'its "data:" URL is not valid base64. Attach the file again.'
}

/** True for both alphabets of RFC 4648, also with the escapes and white space of URLs. */
function isBase64(text: string): boolean {
  const plain = text.includes('%') || /\s/.test(text) ? unescaped(text) : text
  if (plain === undefined || !/^[\w+/-]*={0,2}$/.test(plain)) return false
  return plain.replace(/=+$/, '').length % 4 !== 1
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text).replace(/\s+/g, '')
  } catch {
    return undefined
  }
}
