/**
 * The titles of conversations on this page: the beginning of the first message. If the server needs
 * a key, the titles may be confidential, so they are stored only as long as the key.
 */
import { userTextOf } from './playground-user.js'

const storageKey = 'loom-titles'
const titlesMax = 200

export function openTitles(key) {
  const storage = () => (key.value === undefined ? localStorage : sessionStorage)

  function read() {
    try {
      return JSON.parse(storage().getItem(storageKey)) ?? {}
    } catch {
      // The storage is not available, or contains other data.
      return {}
    }
  }

  function write(titles) {
    try {
      const newest = Object.entries(titles).slice(-titlesMax)
      storage().setItem(storageKey, JSON.stringify(Object.fromEntries(newest)))
    } catch {
      // The list also works without titles.
    }
  }

  return {
    of: (id) => read()[id],
    learn({ id, entries }) {
      const first = entries.find(({ message }) => message.role === 'user')
      if (first === undefined) return
      const title = userTextOf(first.message).replaceAll(/\s+/g, ' ').trim().slice(0, 80)
      const titles = read()
      if (title !== '' && titles[id] !== title) write({ ...titles, [id]: title })
    },
    forget(id) {
      const { [id]: _, ...others } = read()
      write(others)
    },
  }
}
