/** Colours on a terminal; NO_COLOR and FORCE_COLOR=0 switch them off, FORCE_COLOR=1 on. */
import pc from 'picocolors'

export const { bold, red } = pc.createColors(pc.isColorSupported && process.env.FORCE_COLOR !== '0')
