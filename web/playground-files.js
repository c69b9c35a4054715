/** Files that are to go with the next message, as `file` parts with data URLs. */
import { button, element } from './playground-dom.js'
import { fileNode } from './playground-parts.js'

/** Everything is posted in one JSON body, so what fits is little. */
const bytesMax = 3_000_000
const filesMax = 6

/**
 * @param list the element that shows what is attached
 * @param tell says to the human what could not be attached
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

  return {
    async add(files) {
      for (const file of files) {
        if (parts.length >= filesMax)
          return tell(`No more than ${filesMax} files go with a message.`)
        if (file.size > bytesMax) tell(`“${file.name}” is larger than ${bytesMax / 1_000_000} MB.`)
        else parts = [...parts, await readPart(file)]
        show()
      }
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

function readPart(file) {
  const mediaType = file.type || 'application/octet-stream'
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.addEventListener('load', () =>
      resolve({ type: 'file', mediaType, filename: file.name, url: reader.result }),
    )
    reader.addEventListener('error', () => reject(reader.error))
    reader.readAsDataURL(file)
  })
}
