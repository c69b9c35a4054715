/**
 * The key of a server that needs one. It exists only in the tab. If several calls are refused at
 * the same time, the human is asked once.
 */

const storageKey = 'loom-key'

/** The characters that a header may contain. */
const plain = /^[\x21-\x7e]+$/

export function openKey(dialog) {
  const form = dialog.querySelector('form')
  const field = dialog.querySelector('input')
  const problem = dialog.querySelector('.problem')
  let dialogResult
  let declined = false

  const key = {
    value: sessionStorage.getItem(storageKey) ?? undefined,
    /**
     * @param refused the key of the refused call
     * @returns whether to repeat the call with another key
     */
    async ask(refused) {
      if (refused !== key.value) return true
      if (declined) return false
      dialogResult ??= show(refused).finally(() => (dialogResult = undefined))
      return dialogResult
    },
    /** Asks again after the human declined. */
    askAgain() {
      declined = false
      return key.ask(key.value)
    },
  }

  function show(refused) {
    problem.textContent = refused === undefined ? '' : 'The server refused this key.'
    field.value = ''
    dialog.showModal()
    return new Promise((resolve) => {
      dialog.addEventListener(
        'close',
        () => {
          declined = dialog.returnValue !== 'accepted'
          resolve(!declined)
        },
        { once: true },
      )
    })
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const input = field.value.trim()
    if (!plain.test(input)) {
      problem.textContent = 'A key contains only ASCII letters, digits and signs, and no spaces.'
      return
    }
    key.value = input
    sessionStorage.setItem(storageKey, input)
    field.value = ''
    dialog.close('accepted')
  })
  dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close(''))
  // Escape keeps the last `returnValue`.
  dialog.addEventListener('cancel', () => (dialog.returnValue = ''))
  return key
}
