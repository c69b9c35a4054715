/**
 * The key of a server that asks for one. It is kept for as long as the tab, and nowhere else. However
 * many calls are refused at once, the human is asked once.
 */

const storageKey = 'loom-key'

/** What may stand in a header. */
const plain = /^[\x21-\x7e]+$/

export function openKey(dialog) {
  const form = dialog.querySelector('form')
  const field = dialog.querySelector('input')
  const problem = dialog.querySelector('.problem')
  let asking
  let declined = false

  const key = {
    value: sessionStorage.getItem(storageKey) ?? undefined,
    /**
     * @param refused the key that a call was refused with
     * @returns whether to call again, with another key
     */
    async ask(refused) {
      if (refused !== key.value) return true
      if (declined) return false
      asking ??= show(refused).finally(() => (asking = undefined))
      return asking
    },
    /** Asks although the human would not say before. */
    askAgain() {
      declined = false
      return key.ask(key.value)
    },
  }

  function show(refused) {
    problem.textContent = refused === undefined ? '' : 'The server does not know this key.'
    field.value = ''
    dialog.showModal()
    return new Promise((resolve) => {
      dialog.addEventListener(
        'close',
        () => {
          declined = dialog.returnValue !== 'given'
          resolve(!declined)
        },
        { once: true },
      )
    })
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const given = field.value.trim()
    if (!plain.test(given)) {
      problem.textContent = 'A key is one word of plain letters, digits and signs.'
      return
    }
    key.value = given
    sessionStorage.setItem(storageKey, given)
    field.value = ''
    dialog.close('given')
  })
  dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close(''))
  // Escape keeps the last `returnValue`.
  dialog.addEventListener('cancel', () => (dialog.returnValue = ''))
  return key
}
