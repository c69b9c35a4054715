/** The files of the next message, as `file` parts with data URLs. */
import { button, element } from './playground-dom.js'
import { fileNode } from './playground-parts.js'
import { isPhoto, readyPhoto } from './playground-photo.js'

/**
 * Limits in bytes. A data URL is a third longer than its file, and the server accepts 10 MiB of
 * JSON.
 */
const bytesMax = 5_000_000
const allMax = 7_000_000
const filesMax = 6

/**
 * @param list the element that shows the attached files
 * @param showProblems receives a text for each file that could not be attached
 */
export function openAttachments(list, showProblems) {
  let parts = []

  function show() {
    list.hidden = parts.length === 0
    list.replaceChildren(
      ...parts.map((part) => {
        const remove = button(
          { label: `Remove ${part.filename}`, iconName: 'cross', kind: 'remove', iconOnly: true },
          () => {
            parts = parts.filter((other) => other !== part)
            show()
          },
        )
        return element('li', {}, fileNode(part), remove)
      }),
    )
  }

  async function addOne(file) {
    if (parts.length >= filesMax) throw new Error(`A message has at most ${filesMax} files.`)
    const ready = await readyFile(file)
    const size = parts.reduce((sum, { url }) => sum + (url.length * 3) / 4, ready.size)
    if (size > allMax)
      throw new Error(`All files of a message together have at most ${megabytes(allMax)}.`)
    parts = [...parts, await readPart(ready)]
    show()
  }

  return {
    async add(files) {
      const problems = []
      for (const file of files) {
        await addOne(file).catch(({ message }) => problems.push(`“${file.name}”: ${message}`))
      }
      showProblems(problems)
    },
    /** Returns the parts and removes them here. */
    take() {
      const taken = parts
      parts = []
      show()
      return taken
    },
    get isEmpty() {
      return parts.length === 0
    },
  }
}

const megabytes = (bytes) => `${bytes / 1_000_000} MB`

/**
 * Returns the file in the form in which it is sent: photos smaller, texts with a text type.
 * @throws Error with a text for the user if the file is too large, or if no model can read it
 */
export async function readyFile(file) {
  const ready = isPhoto(file) ? await readyPhoto(file) : file
  if (ready.size === 0) throw new Error('It is empty.')
  if (ready.size > bytesMax)
    throw new Error(`It is larger than ${megabytes(bytesMax)}. Attach a smaller one.`)
  if (/^(?:image|audio)\/|^application\/pdf$/.test(ready.type)) return ready
  if (await isText(ready)) return ready.type.startsWith('text/') ? ready : asText(ready)
  // A TypeScript file also has a video type. It is text, so it was returned above.
  if (ready.type.startsWith('video/')) return ready
  throw new Error('It is no picture, no PDF and no text, so a model cannot read it.')
}

/**
 * Sets a text type if the browser knows no type for the file, or a type that does not mark text.
 */
const asText = (file) =>
  /^application\/.*(?:json|xml|yaml|javascript)/.test(file.type)
    ? file
    : new File([file], file.name, { type: 'text/plain' })

/** Whether the file is text in UTF-8, or in UTF-16 with a byte order mark. */
async function isText(file) {
  try {
    const bytes = new Uint8Array(await file.arrayBuffer())
    if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
      return true
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    // oxlint-disable-next-line no-control-regex -- text does not contain these
    return !/[\0-\x06\x0e-\x1a\x1c-\x1f]/.test(text)
  } catch (error) {
    if (error instanceof TypeError) return file.type.startsWith('text/')
    throw new Error('It cannot be read. Is it a folder?', { cause: error })
  }
}

function readPart(file) {
  const mediaType = file.type
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.addEventListener('load', () =>
      resolve({ type: 'file', mediaType, filename: file.name, url: reader.result }),
    )
    reader.addEventListener('error', () => reject(new Error('It cannot be read.')))
    reader.readAsDataURL(file)
  })
}
