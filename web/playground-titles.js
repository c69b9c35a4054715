/**
 * What conversations are called on this page: by the first words of the human. A server that asks for
 * a key has reason to, so there the words are kept no longer than the key.
 */
import { wordsOf } from './playground-user.js'

const storageKey = 'loom-titles'
const titlesMax = 200

export function openTitles(key) {
  const shelf = () => (key.value === undefined ? localStorage : sessionStorage)

  function read() {
    try {
      return JSON.parse(shelf().getItem(storageKey)) ?? {}
    } catch {
      // No storage, or something else in it.
      return {}
    }
  }

  function write(titles) {
    try {
      const kept = Object.entries(titles).slice(-titlesMax)
      shelf().setItem(storageKey, JSON.stringify(Object.fromEntries(kept)))
    } catch {
      // A list without titles is as good.
    }
  }

  return {
    of: (id) => read()[id],
    learn({ id, entries }) {
      const first = entries.find(({ message }) => message.role === 'user')
      if (first === undefined) return
      const title = wordsOf(first.message).replaceAll(/\s+/g, ' ').trim().slice(0, 80)
      const titles = read()
      if (title !== '' && titles[id] !== title) write({ ...titles, [id]: title })
    },
    forget(id) {
      const { [id]: _, ...others } = read()
      write(others)
    },
  }
}
