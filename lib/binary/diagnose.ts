/** What the dynamic loader and Node.js say when a binary does not load, in words that lead to a remedy. */
import { dirname } from 'node:path'
import { type Fault, remedies } from './fault.ts'
import type { Machine } from './machine.ts'

type Rule = readonly [pattern: RegExp, explain: (match: RegExpMatchArray, machine: Machine) => Fault]

/** Where LD_LIBRARY_PATH leads the loader to another library than the system's. */
function surprise(library: string, { libraryPath }: Machine): Fault | undefined {
  const folder = libraryPath.find((entry) => entry.replace(/\/+$/, '') === dirname(library))
  if (folder === undefined) return undefined
  return {
    reason: `LD_LIBRARY_PATH gives ${library} in place of the system's, which is too old or another one`,
    remedy: `take ${folder} out of LD_LIBRARY_PATH, or start Node.js without it: env -u LD_LIBRARY_PATH node …`,
  }
}

/** The first that matches explains. */
const rules: readonly Rule[] = [
  [
    /([^\s:]+): version [`'](GLIBC|GLIBCXX|CXXABI)_([\d.]+)' not found/,
    ([, library, family, version], machine) => {
      if (family === 'GLIBC')
        return {
          reason: `needs glibc ${version} or newer, and this system has ${machine.glibc || 'another C library'}`,
          remedy: remedies.build,
        }
      return (
        surprise(library!, machine) ?? {
          reason: `needs ${family}_${version}, which ${library} lacks: an older libstdc++`,
          remedy: remedies.build,
        }
      )
    },
  ],
  [
    // glibc's words, then musl's.
    /([^\s:]+\.so[.\d]*): cannot open shared object file|Error loading shared library ([^\s:]+)/,
    ([, glibc, musl], machine) => {
      const library = glibc ?? musl!
      if (machine.libc === 'musl' && /^(ld-linux|libc\.so\.6|libgcc_s|libstdc)/.test(library))
        return {
          reason: `for glibc, and this system has musl (${library} is missing)`,
          remedy: remedies.build,
        }
      return {
        reason: `${library} is missing`,
        remedy: /^lib(stdc\+\+|gcc_s)/.test(library)
          ? 'install the C++ runtime: libstdc++6 on Debian, libstdc++ on Alpine and Fedora'
          : remedies.build,
      }
    },
  ],
  [
    /undefined symbol: (n(?:ode_)?api_\w+)/,
    ([, symbol], { node, oldestNode }) => ({
      reason: `Node.js ${node} has no ${symbol}`,
      remedy: `use Node.js ${oldestNode} or newer`,
    }),
  ],
  [
    /undefined symbol: (\S+)|Error relocating [^\s:]+: (\S+): symbol not found/,
    ([, glibc, musl], machine) =>
      machine.libc === 'musl'
        ? {
            reason: `for glibc, and this system has musl (it lacks ${glibc ?? musl})`,
            remedy: remedies.build,
          }
        : {
            reason: `a library lacks the symbol ${glibc ?? musl}`,
            remedy:
              machine.libraryPath.length > 0
                ? 'start Node.js without LD_LIBRARY_PATH (env -u LD_LIBRARY_PATH node …), or ' +
                  remedies.build
                : remedies.build,
          },
  ],
  [
    /wrong ELF class|invalid ELF header|file too short|ELF load command|not a valid|unrecognized/i,
    ([text]) => ({ reason: `damaged, or for another machine (${text})`, remedy: remedies.reinstall }),
  ],
  [
    /failed to map segment from shared object/,
    () => ({
      reason: 'lies on a file system whose programs may not run (noexec)',
      remedy: 'install the package on one that is mounted without noexec',
    }),
  ],
  [
    /Cannot load native addon because loading addons is disabled/,
    () => ({
      reason: 'Node.js was told not to load addons (--no-addons, or the permission model)',
      remedy: 'leave --no-addons out, or add --allow-addons to --permission',
    }),
  ],
  [
    /did not self-register/,
    () => ({ reason: 'not an addon, or one for another runtime than this one', remedy: remedies.reinstall }),
  ],
]

/** `message`: of the error that loading threw. */
export function diagnose(message: string, machine: Machine): Fault {
  for (const [pattern, explain] of rules) {
    const match = message.match(pattern)
    if (match) return explain(match, machine)
  }
  return { reason: message.split('\n')[0] || 'it does not load', remedy: remedies.build }
}
