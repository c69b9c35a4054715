/** Files that are to go with the next message, as `file` parts with data URLs. */
import { button, element } from './playground-dom.js'
import { fileNode } from './playground-parts.js'
import { isPhoto, readyPhoto } from './playground-photo.js'

/** In bytes. A data URL is a third longer, and the server reads 10 MiB of JSON. */
const bytesMax = 5_000_000
const allMax = 7_000_000
const filesMax = 6

/**
 * @param list the element that shows what is attached
 * @param tell says to the human which files could not be attached, and why: a text for each
 */
export function openAttachments(list, tell) {
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
    if (parts.length >= filesMax)
      throw new Error(`No more than ${filesMax} files go with a message.`)
    const ready = await readyFile(file)
    const size = parts.reduce((sum, { url }) => sum + (url.length * 3) / 4, ready.size)
    if (size > allMax)
      throw new Error(`The files of a message have at most ${megabytes(allMax)} together.`)
    parts = [...parts, await readPart(ready)]
    show()
  }

  return {
    async add(files) {
      const problems = []
      for (const file of files) {
        await addOne(file).catch(({ message }) => problems.push(`“${file.name}”: ${message}`))
      }
      tell(problems)
    },
    /** Gives the parts away. */
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
 * The file as it is sent: a photo made smaller, text with a type that says so.
 * @throws Error with words for people: for a file that is too large, or that no model reads
 */
export async function readyFile(file) {
  const ready = isPhoto(file) ? await readyPhoto(file) : file
  if (ready.size === 0) throw new Error('It is empty.')
  if (ready.size > bytesMax)
    throw new Error(`It is larger than ${megabytes(bytesMax)}. Attach a smaller one.`)
  if (/^(?:image|audio)\/|^application\/pdf$/.test(ready.type)) return ready
  if (await isText(ready)) return ready.type.startsWith('text/') ? ready : asText(ready)
  // A TypeScript file has the type of a video, and was text.
  if (ready.type.startsWith('video/')) return ready
  throw new Error('It is no picture, no PDF and no text, so a model cannot read it.')
}

/** What the browser has no type for, or one that says nothing of text, is text all the same. */
const asText = (file) =>
  /^application\/.*(?:json|xml|yaml|javascript)/.test(file.type)
    ? file
    : new File([file], file.name, { type: 'text/plain' })

/** Text in UTF-8, or in UTF-16 with its mark. */
async function isText(file) {
  try {
    const bytes = new Uint8Array(await file.arrayBuffer())
    if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
      return true
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    // oxlint-disable-next-line no-control-regex -- no text has these
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
