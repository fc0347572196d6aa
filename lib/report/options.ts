/** Options of reports and of the live view, for the library and the command line. */
import { type OptionTable, trainingOptions, type Values } from '../training/options.ts'

const predictionOptions = {
  data: {
    type: 'text',
    default: null,
    placeholder: 'DIR|builtin',
    decides: false,
    onlyWith: { predictions: [true] },
    description: 'Data set for the confusion matrix, unless the one in the configuration',
  },
  predictions: {
    type: 'boolean',
    default: true,
    decides: false,
    description: 'Evaluate the weights for the confusion matrix and the wrongly classified images',
  },
  threads: { ...trainingOptions.threads, onlyWith: { predictions: [true] } },
} as const satisfies OptionTable

/** Every option of reports. */
export const reportOptions = {
  out: {
    type: 'text',
    default: 'report.html',
    placeholder: 'FILE',
    decides: false,
    description: 'File to write; an earlier report there is replaced',
  },
  force: {
    type: 'boolean',
    default: false,
    decides: false,
    description: 'Replace the file even if it is no report',
  },
  ...predictionOptions,
} as const satisfies OptionTable

export const watchOptions = {
  host: {
    type: 'text',
    default: '127.0.0.1',
    placeholder: 'ADDRESS',
    decides: false,
    description: 'Address or name to listen on; other machines see the page where it is not loopback',
  },
  port: {
    type: 'integer',
    default: 8476,
    min: 0,
    max: 65535,
    decides: false,
    description: 'Port to listen on, 0 for any that is free',
  },
  ...predictionOptions,
} as const satisfies OptionTable

/** All options of reports with a value each. */
export type ReportSettings = Values<typeof reportOptions>
export type WatchSettings = Values<typeof watchOptions>
