/** Why a binary is not used, and what a user can do about it. */
export interface Fault {
  readonly reason: string
  readonly remedy: string
}

export const remedies = {
  build:
    'build it here with `npm rebuild deepzero-native` (`npm run build:native` in a checkout), which needs CMake 3.25 ' +
    'and a C++20 compiler',
  reinstall: 'install the package again: remove node_modules/deepzero-native, then `npm install`',
  permissions: 'let this user read the file',
} as const
