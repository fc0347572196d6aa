// The report in a browser: nothing asked of the network, no error, no sideways scrolling on a phone, all by keyboard,
// readable in light and dark; and the live view, as a run goes on.
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { writeReport } from '../lib/index.ts'
import { launchChromium } from './fixtures/chromium.ts'
import { contrast } from './fixtures/contrast.ts'
import { metricsLines, runDirectory } from './fixtures/run-directory.ts'
import { endAll, watch } from './fixtures/watch.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepzero-browser-'))
const browser = await launchChromium('reports in a browser')
const hostile = '<img src=x onerror=alert(1)>-a-very-long-name-that-never-breaks-'.repeat(2).slice(0, 120)

interface Opened {
  readonly page: Page
  /** Errors of the console and of scripts, and requests to anywhere but `allowed`. */
  readonly faults: string[]
}

async function open(
  url: string,
  width: number,
  scheme: 'light' | 'dark',
  allowed = /^(file|data):/,
): Promise<Opened> {
  const page = await browser!.newPage({ viewport: { width, height: 800 }, colorScheme: scheme })
  const faults: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(message.text())
  })
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('request', (asked) => {
    if (!allowed.test(asked.url())) faults.push(`asked for ${asked.url()}`)
  })
  await page.goto(url)
  return { page, faults }
}

const reports = browser === null ? null : await makeReports()

async function makeReports(): Promise<{ readonly one: string; readonly several: string }> {
  const sparse = { sparsity: 0.8, network: hostile, machine: { processor: hostile } }
  const runs = await Promise.all([
    runDirectory({ name: 'one', layers: [hostile, 'fc.weight'], epochs: 5 }),
    runDirectory({ name: hostile.replaceAll('/', ''), seed: 2, config: sparse }),
    runDirectory({ name: 'three', seed: 3, weights: false }),
  ])
  const write = async (name: string, directories: string[]): Promise<string> => {
    const out = join(folder, name)
    await writeReport(directories, { out, threads: 1 })
    return pathToFileURL(out).href
  }
  return { one: await write('one.html', runs.slice(0, 1)), several: await write('several.html', runs) }
}

/** A test that needs the browser; without one the line above says that it is skipped. */
const inBrowser = (name: string, body: (urls: NonNullable<typeof reports>) => Promise<void>): void => {
  if (reports) test(name, () => body(reports))
}

test('a browser was looked for', () => assert.is(reports === null, browser === null))

inBrowser(
  'no error, no request, no sideways scrolling, at any width, light and dark, folded and unfolded',
  async (urls) => {
    for (const url of Object.values(urls)) {
      for (const [width, scheme] of [
        [360, 'dark'],
        [768, 'light'],
        [1280, 'light'],
      ] as const) {
        const { page, faults } = await open(url, width, scheme)
        const unfold = 'document.querySelectorAll("details").forEach((one) => { one.open = true })'
        for (const prepare of ['0', unfold]) {
          await page.evaluate(prepare)
          const over = await page.evaluate(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          )
          assert.is(over, 0, `${width} px: ${over} px too wide`)
        }
        assert.equal(faults, [])
        await page.close()
      }
    }
  },
)

/** [text, colour, background, is large] of every element with text of its own, as it is painted. */
const PAINTED = `(() => {
  const hex = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number)
    return { r, g, b, a }
  }
  const over = (top, below) => ({
    r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a), a: 1,
  })
  const text = ({ r, g, b }) => '#' + [r, g, b].map((value) => Math.round(value).toString(16).padStart(2, '0')).join('')
  const found = []
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '')
    if (!own || !element.checkVisibility() || element.closest('.vh, script, style, .off, .readout')) continue
    const style = getComputedStyle(element)
    const layers = []
    for (let at = element; at; at = at.parentElement) {
      const background = hex(getComputedStyle(at).backgroundColor)
      if (background.a > 0) layers.push(background)
      if (background.a === 1) break
    }
    const background = layers.reduceRight((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 })
    const colour = over(hex(element.namespaceURI.endsWith('svg') ? style.fill : style.color), background)
    const size = parseFloat(style.fontSize)
    found.push([element.textContent.trim().slice(0, 40), text(colour), text(background), size >= 24])
  }
  return found
})()`

inBrowser('text keeps the contrast of WCAG AA, light and dark', async ({ one, several }) => {
  for (const url of [one, several]) {
    for (const scheme of ['light', 'dark'] as const) {
      const { page } = await open(url, 1280, scheme)
      await page.evaluate('document.querySelectorAll("details").forEach((one) => { one.open = true })')
      const painted = (await page.evaluate(PAINTED)) as [string, string, string, boolean][]
      assert.ok(painted.length > 100, `${painted.length} texts`)
      for (const [text, colour, background, large] of painted) {
        const found = contrast(colour, background)
        assert.ok(
          found >= (large ? 3 : 4.5),
          `${scheme}: '${text}' ${colour} on ${background}: ${found.toFixed(2)}`,
        )
      }
      await page.close()
    }
  }
})

inBrowser('by keyboard: legends switch, tables sort, charts and maps are read', async ({ several }) => {
  const { page, faults } = await open(several, 1280, 'light')
  const legend = page.locator('[data-toggle=run]').first()
  await legend.focus()
  await page.keyboard.press('Space')
  assert.is(await legend.getAttribute('aria-pressed'), 'false')
  assert.is(await page.locator('.series[data-run="0"]:not(.off)').count(), 0)
  assert.ok((await page.locator('.series[data-run="1"]:not(.off)').count()) > 5)
  await page.keyboard.press('Enter')
  assert.is(await page.locator('.series.off').count(), 0)
  await page.locator('[data-toggle=kind][data-value=step]').press('Enter')
  assert.is(await page.locator('#chart-loss .step:not(.off)').count(), 0)
  assert.ok((await page.locator('#chart-rate .step:not(.off)').count()) > 0, 'charts of one kind stay')

  const names = (): Promise<string[]> => page.locator('.figures tbody th .run span').allTextContents()
  const heading = page.locator('.figures th').nth(5)
  await heading.locator('button').press('Enter')
  assert.is(await heading.getAttribute('aria-sort'), 'descending')
  const falling = await names()
  await heading.locator('button').press('Enter')
  assert.is(await heading.getAttribute('aria-sort'), 'ascending')
  assert.not.equal(falling, await names())

  const plot = page.locator('#chart-loss .plot')
  await plot.focus()
  await page.keyboard.press('Home')
  const first = await plot.getAttribute('aria-valuetext')
  await page.keyboard.press('ArrowRight')
  const second = await plot.getAttribute('aria-valuetext')
  assert.match(first!, /step \d+: .*test \d/)
  assert.not.equal(first, second)
  assert.ok(await plot.locator('.tip').isVisible())
  assert.not.match(await plot.locator('.tip').innerHTML(), '<img')
  await page.keyboard.press('Escape')
  assert.not.ok(await plot.locator('.tip').isVisible())

  const heat = page.locator('.heat').first()
  await heat.focus()
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowDown')
  assert.match((await page.locator('.readout').first().textContent())!, /^fc\.weight, step 5: rms 0\.04$/)

  const ring = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
  assert.is(ring, 'solid', 'what has the focus is seen')
  const nameless = await page.evaluate(`[...document.querySelectorAll('button, summary, [tabindex="0"]')]
    .filter((one) => !(one.getAttribute('aria-label') || one.textContent.trim())).length`)
  assert.is(nameless, 0)
  assert.equal(faults, [])
  await page.close()
})

inBrowser('the pointer reads values; the theme changes and is kept', async ({ one }) => {
  const { page, faults } = await open(one, 1280, 'light')
  await page.locator('#chart-accuracy .plot').hover({ position: { x: 200, y: 60 } })
  assert.match((await page.locator('#chart-accuracy .tip').textContent()) ?? '', /step \d+.*test\d+\.\d+ %/)
  const background = (): Promise<unknown> =>
    page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
  const light = await background()
  const theme = page.locator('.theme')
  await theme.press('Enter')
  assert.is(await background(), light, 'auto → light')
  await theme.press('Enter')
  assert.not.equal(await background(), light)
  assert.match((await theme.textContent())!, 'dark')
  await page.reload()
  assert.not.equal(await background(), light, 'remembered')
  assert.equal(faults, [])
  await page.close()
})

inBrowser('without script everything is there to read', async ({ several }) => {
  const context = await browser!.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(several)
  assert.ok(await page.locator('#chart-loss .series path').first().isVisible())
  assert.not.ok(await page.locator('.theme').isVisible(), 'a button that would do nothing')
  await context.close()
})

inBrowser(
  'the live view follows a run, keeps what is open and focused, and says when the link is lost',
  async () => {
    const run = await runDirectory({ weights: false, config: { epochs: 6 } })
    writeFileSync(join(run, 'lock'), JSON.stringify({ pid: process.pid, host: hostname(), started: null }))
    const watched = await watch(run)
    const { address } = watched
    const { page, faults } = await open(address, 360, 'dark', new RegExp(`^(data:|${address}(events)?$)`))
    await page.locator('.state.running').waitFor()
    await page.locator('#chart-loss summary').click()
    await page.locator('#chart-loss .plot').focus()
    await page.keyboard.press('End')
    appendFileSync(join(run, 'metrics.jsonl'), `${metricsLines({ epochs: 4 }).slice(18).join('\n')}\n`)
    await page.getByText('4 epochs').waitFor()
    await page.waitForFunction('document.querySelectorAll("#chart-loss .test use").length === 4')
    assert.ok(await page.evaluate('document.querySelector("#chart-loss details").open'))
    assert.ok(await page.evaluate('document.activeElement.matches("#chart-loss .plot")'))
    assert.ok(await page.locator('#chart-loss .tip').isVisible())
    rmSync(join(run, 'lock'))
    await page.locator('.state.stopped').waitFor()
    assert.is(await page.evaluate('document.documentElement.scrollWidth'), 360)
    assert.equal(faults, [])
    await watched.end()
    await page.getByText('deepzero watch was ended').waitFor()
    await page.close()
  },
)

test.after(async () => {
  await browser?.close()
  await endAll()
})

test.run()
