/**
 * Files that came as text in a message (`src/prompt/text-file.ts` writes them). In time linear in the
 * length of the message: it may be megabytes, and say anything.
 */
const head = /<file(?: name="([^"\n]*)")? type="([^"\n]*)">\n/g
const foot = '\n</file>'

export interface TextFile {
  mediaType: string
  filename?: string
}

/** What a message says beside its files, and the files. */
export function splitFiles(message: string): { text: string; files: TextFile[] } {
  const files: TextFile[] = []
  const said: string[] = []
  let from = 0
  for (const match of message.matchAll(head)) {
    if (match.index < from) continue
    const end = message.indexOf(foot, match.index + match[0].length - 1)
    // Without an end here there is none behind any other beginning either.
    if (end === -1) break
    const [, filename, mediaType = ''] = match
    files.push({ mediaType, ...(filename !== undefined && { filename }) })
    said.push(message.slice(from, match.index))
    from = end + foot.length
  }
  if (files.length === 0) return { text: message, files }
  said.push(message.slice(from))
  return { text: said.join('').trim(), files }
}
