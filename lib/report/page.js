// The report's behaviour in a browser: theme, legends, reading values by pointer and keyboard, sorting, and following a
// run. Everything is in the page without it. It makes no request but for the events of a live page.

{
  const root = document.documentElement
  const all = (selector, from = document) => [...from.querySelectorAll(selector)]

  // --- Theme: as the system has it, or chosen; remembered where the browser allows it ---

  const themes = ['auto', 'light', 'dark']
  const themeButton = document.querySelector('.theme')
  const memory = {
    get: () => {
      try {
        return localStorage.getItem('deepzero-theme')
      } catch {
        return null
      }
    },
    set: (value) => {
      try {
        localStorage.setItem('deepzero-theme', value)
      } catch {
        // A page without storage forgets.
      }
    },
  }
  const setTheme = (theme) => {
    if (theme === 'auto') delete root.dataset.theme
    else root.dataset.theme = theme
    themeButton.querySelector('span').textContent = theme
  }
  let theme = themes.includes(memory.get()) ? memory.get() : 'auto'
  setTheme(theme)
  themeButton.hidden = false
  themeButton.addEventListener('click', () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length]
    memory.set(theme)
    setTheme(theme)
  })

  // --- Legends: runs and kinds of curves that are switched off ---

  const off = { run: new Set(), kind: new Set() }
  for (const { dataset } of all('[data-toggle][aria-pressed=false]')) off[dataset.toggle].add(dataset.value)
  const applyLegends = () => {
    for (const button of all('[data-toggle]')) {
      button.setAttribute('aria-pressed', String(!off[button.dataset.toggle].has(button.dataset.value)))
    }
    for (const element of all('.series, tr[data-run], main [data-run]')) {
      const { run, kind } = element.dataset
      element.classList.toggle(
        'off',
        off.run.has(run) || (kind !== undefined && hasSwitch(element) && off.kind.has(kind)),
      )
    }
  }
  // Charts with one kind of curve alone are not emptied by its switch.
  const hasSwitch = (element) => element.closest('#chart-accuracy, #chart-loss') !== null

  // --- Charts: the values at a place, for pointer and keyboard ---

  const print = {
    percent: (value) => `${(100 * value).toFixed(2)} %`,
    number: (value) => {
      const size = Math.abs(value)
      return size === 0 || (size >= 1e-4 && size < 1e7)
        ? String(Number(value.toPrecision(4)))
        : value.toExponential(2)
    },
    integer: (value) => Math.round(value).toLocaleString('en-US'),
    duration: (value) => {
      if (value < 9.95) return `${value.toFixed(1)} s`
      const s = Math.round(value)
      if (s < 60) return `${s} s`
      const m = Math.floor(s / 60)
      return m < 60 ? `${m} m ${s % 60} s` : `${Math.floor(m / 60)} h ${m % 60} m`
    },
  }
  const numbers = (text) => text.split(' ').map(Number)
  const nearest = (values, x) => {
    let best = 0
    for (let i = 1; i < values.length; i++) if (Math.abs(values[i] - x) < Math.abs(values[best] - x)) best = i
    return best
  }

  const makePlot = (plot) => {
    const [from, to] = numbers(plot.dataset.x)
    const [xFormat, yFormat] = plot.dataset.formats.split(' ')
    const curves = all('.series', plot).map((element) => ({
      element,
      label: element.dataset.label,
      colour: [...element.classList].find((name) => /^c\d$/.test(name)),
      x: numbers(element.dataset.x),
      y: numbers(element.dataset.y),
    }))
    const tip = plot.querySelector('.tip')
    const cross = plot.querySelector('.cross')
    const shown = () => curves.filter(({ element }) => !element.classList.contains('off'))
    // Stops of the arrow keys: the places of the curve that has most of them, at most 100.
    const stops = () => {
      const longest = shown().reduce((best, curve) => (curve.x.length > best.length ? curve.x : best), [])
      const every = Math.ceil(longest.length / 100)
      return longest.filter((_, i) => i % every === 0 || i === longest.length - 1)
    }
    let place = null

    const show = (x) => {
      const visible = shown()
      if (visible.length === 0) return hide()
      // Curves that reach as far, with the value nearest to the place.
      const slack = (to - from) / 20
      const rows = visible
        .map((curve) => ({ curve, i: nearest(curve.x, x) }))
        .filter(({ curve, i }) => Math.abs(curve.x[i] - x) <= slack)
      place = x
      const at = (x - from) / (to - from)
      cross.setAttribute('x1', `${100 * at}%`)
      cross.setAttribute('x2', `${100 * at}%`)
      cross.setAttribute('visibility', 'visible')
      const title = document.createElement('b')
      title.textContent = `${plot.dataset.xLabel} ${print[xFormat](x)}`
      const lines = rows.slice(0, 12).map(({ curve, i }) => {
        const line = document.createElement('span')
        line.className = curve.colour
        if (curve.element.classList.contains('train')) line.classList.add('train')
        if (curve.element.classList.contains('step')) line.classList.add('step')
        const label = document.createElement('i')
        label.textContent = curve.label
        const value = document.createElement('em')
        value.textContent = print[yFormat](curve.y[i])
        line.append(label, value)
        return line
      })
      tip.replaceChildren(title, ...lines)
      tip.hidden = false
      const width = plot.clientWidth
      const left = at * width
      tip.style.left = `${left > width / 2 ? Math.max(0, left - tip.offsetWidth - 10) : Math.min(left + 10, width - tip.offsetWidth)}px`
      plot.setAttribute('aria-valuenow', String(x))
      plot.setAttribute(
        'aria-valuetext',
        `${title.textContent}: ${rows.map(({ curve, i }) => `${curve.label} ${print[yFormat](curve.y[i])}`).join('; ')}`,
      )
    }
    const hide = () => {
      place = null
      tip.hidden = true
      cross.setAttribute('visibility', 'hidden')
    }

    plot.setAttribute('aria-label', `${plot.getAttribute('aria-label')}. Arrow keys read the values.`)
    plot.setAttribute('role', 'slider')
    plot.setAttribute('aria-valuemin', String(from))
    plot.setAttribute('aria-valuemax', String(to))
    plot.setAttribute('aria-valuenow', String(to))
    plot.tabIndex = 0
    plot.addEventListener('pointermove', (event) => {
      const box = plot.getBoundingClientRect()
      show(from + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (to - from))
    })
    plot.addEventListener('deepzero-reading', (event) => show(Number(event.detail)))
    plot.addEventListener('pointerleave', hide)
    plot.addEventListener('blur', hide)
    plot.addEventListener('keydown', (event) => {
      const places = stops()
      if (places.length === 0) return
      const now = place === null ? -1 : nearest(places, place)
      const next = {
        ArrowRight: now + 1,
        ArrowUp: now + 1,
        ArrowLeft: now - 1,
        ArrowDown: now - 1,
        Home: 0,
        End: places.length - 1,
      }[event.key]
      if (event.key === 'Escape') return hide()
      if (next === undefined) return
      event.preventDefault()
      show(places[Math.min(places.length - 1, Math.max(0, next))])
    })
  }

  // --- Heat maps: the cell under the pointer, or reached by arrow keys ---

  const makeHeat = (heat) => {
    const columns = heat.dataset.columns.split('|')
    const rows = all('g[data-name]', heat).map((row) => ({ name: row.dataset.name, cells: all('rect', row) }))
    const here = heat.querySelector('.here')
    const readout = heat.parentElement.querySelector('.readout')
    let at = null
    const show = (i, j) => {
      at = [i, j]
      const cell = rows[i].cells[j]
      here.setAttribute('x', cell.getAttribute('x'))
      here.setAttribute('y', cell.getAttribute('y'))
      here.setAttribute('visibility', 'visible')
      readout.textContent = `${rows[i].name}, ${columns[j]}: ${cell.dataset.v}`
    }
    heat.addEventListener('pointerover', (event) => {
      const i = rows.findIndex(({ cells }) => cells.includes(event.target))
      if (i >= 0) show(i, rows[i].cells.indexOf(event.target))
    })
    heat.addEventListener('keydown', (event) => {
      const move = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key]
      if (!move) return
      event.preventDefault()
      const [i, j] = at === null ? [0, 0] : [at[0] + move[0], at[1] + move[1]]
      show(Math.min(rows.length - 1, Math.max(0, i)), Math.min(columns.length - 1, Math.max(0, j)))
    })
  }

  // --- Tables that sort ---

  let sorted = null
  const sortTable = (table, index, direction) => {
    const cellValue = (row) => row.children[index].dataset.value
    const body = table.tBodies[0]
    const compare = (a, b) => {
      const [x, y] = [cellValue(a), cellValue(b)]
      if (x === '' || y === '') return (x === '') - (y === '')
      const order =
        Number.isNaN(Number(x)) || Number.isNaN(Number(y))
          ? x.localeCompare(y, 'en', { numeric: true })
          : x - y
      return direction === 'ascending' ? order : -order
    }
    body.append(...[...body.rows].sort(compare))
    all('th[aria-sort]', table).forEach((head, i) =>
      head.setAttribute('aria-sort', i === index ? direction : 'none'),
    )
    sorted = [index, direction]
  }
  const makeSortable = (table) => {
    all('[data-sort]', table).forEach((button, index) => {
      button.addEventListener('click', () => {
        const number = table.tBodies[0].rows[0].children[index].classList.contains('right')
        const now = button.parentElement.getAttribute('aria-sort')
        const first = number ? 'descending' : 'ascending'
        const other = number ? 'ascending' : 'descending'
        sortTable(table, index, now === first ? other : first)
      })
    })
    if (sorted) sortTable(table, ...sorted)
  }

  const equip = (part) => {
    all('.plot', part).forEach(makePlot)
    all('.heat', part).forEach(makeHeat)
    all('[data-sortable]', part).forEach(makeSortable)
    for (const button of all('[data-toggle]', part)) {
      button.addEventListener('click', () => {
        const set = off[button.dataset.toggle]
        if (!set.delete(button.dataset.value)) set.add(button.dataset.value)
        applyLegends()
      })
    }
    for (const button of all('[data-show-all]', part)) {
      button.addEventListener('click', () => {
        off.run.clear()
        applyLegends()
      })
    }
  }
  equip(document)

  // --- Following a run: the server sends the parts that have changed ---

  const replace = (id, { state, text }) => {
    const section = document.getElementById(id)
    if (!section || section.dataset.state === state) return
    const open = new Map(all('details[data-key]', section).map((one) => [one.dataset.key, one.open]))
    const focusable = 'a, button, summary, [tabindex]'
    const focused = all(focusable, section).indexOf(document.activeElement)
    const reading = focused >= 0 && document.activeElement.getAttribute('aria-valuenow')
    section.innerHTML = text
    section.dataset.state = state
    for (const one of all('details[data-key]', section)) {
      if (open.has(one.dataset.key)) one.open = open.get(one.dataset.key)
    }
    equip(section)
    if (focused >= 0) all(focusable, section)[focused]?.focus({ preventScroll: true })
    if (reading)
      document.activeElement?.dispatchEvent(new CustomEvent('deepzero-reading', { detail: reading }))
  }

  if (document.body.hasAttribute('data-live')) {
    const link = document.getElementById('link')
    const say = (text) => {
      link.hidden = text === ''
      link.textContent = text
    }
    const source = new EventSource('events')
    source.addEventListener('open', () => say(''))
    source.addEventListener('error', () =>
      say('The connection to deepzero watch is lost; the page shows the last state and tries again.'),
    )
    source.addEventListener('parts', (event) => {
      const { title, parts } = JSON.parse(event.data)
      document.title = title
      for (const [id, part] of Object.entries(parts)) replace(id, part)
      applyLegends()
    })
    source.addEventListener('closed', () => {
      source.close()
      say('deepzero watch was ended; the page shows the last state.')
    })
  }
}
