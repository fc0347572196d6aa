/** A session as the options of training, estimation and pruning describe it. */
import type { Network } from '../networks/network.ts'
import { createSession, type Session } from '../session.ts'
import type { TrainSettings } from './options.ts'

export type SessionSettings = Pick<TrainSettings, 'device' | 'devices' | 'threads' | 'memory'> &
  Partial<Pick<TrainSettings, 'precision'>>

/** Throws as `createSession` does. */
export const openSession = (
  network: Network,
  { device, devices, threads, memory, precision }: SessionSettings,
): Session => createSession(network, { device, devices, threads, memory, precision })
