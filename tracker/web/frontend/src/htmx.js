// htmx as our content security policy wants it: no style of its own, no code from attributes, our CSRF token.
import './htmx-config.js'
import htmx from 'htmx.org'

function refuse() {
  throw new Error('Tracker runs no code from attributes: use a data- attribute and src/main.js.')
}
htmx.registerExtension('tracker-no-eval', { init: api => api.initSecurity(undefined, refuse, refuse) })

document.addEventListener('htmx:config:request', ({ detail: { ctx } }) => {
  const token = document.querySelector('meta[name="csrf-token"]')?.content
  if (token && ctx.request.method !== 'GET') ctx.request.headers['X-CSRF-Token'] = token
})

export default htmx
