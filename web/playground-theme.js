/** The light or dark theme: that of the system, until the user chooses one. */

const storageKey = 'loom-theme'

export function openTheme(toggle) {
  const { dataset } = document.documentElement
  const isDark = matchMedia('(prefers-color-scheme: dark)')

  function show(theme) {
    if (theme === null) delete dataset.theme
    else dataset.theme = theme
    toggle.title = other() === 'light' ? 'Light theme' : 'Dark theme'
  }

  const other = () =>
    (dataset.theme ?? (isDark.matches ? 'dark' : 'light')) === 'dark' ? 'light' : 'dark'

  toggle.addEventListener('click', () => {
    const theme = other()
    localStorage.setItem(storageKey, theme)
    show(theme)
  })
  isDark.addEventListener('change', () => show(localStorage.getItem(storageKey)))
  show(localStorage.getItem(storageKey))
}
