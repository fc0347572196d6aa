// The encoder of protocol buffers against protobufjs: every kind of field, any value.
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  bytes,
  concatenate,
  double,
  doubles,
  float,
  integer,
  integers,
  message,
  text,
} from '../lib/protobuf.ts'

const schema = `
  syntax = "proto3";
  message Inner { int64 number = 1; string text = 300; }
  message Outer {
    int64 integer = 1;
    float single = 2;
    double number = 3;
    string text = 4;
    bytes data = 5;
    repeated double doubles = 6;
    repeated int64 integers = 7;
    repeated Inner inner = 1000;
  }`
const Outer = protobuf.parse(schema).root.resolveAll().lookupType('Outer')

const whole = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -200, max: 200 }))
const outer = fc.record({
  integer: whole,
  single: fc.float(),
  number: fc.double(),
  text: fc.string({ unit: 'binary' }),
  data: fc.uint8Array({ maxLength: 300 }),
  doubles: fc.array(fc.double()),
  integers: fc.array(whole),
  inner: fc.array(fc.record({ number: whole, text: fc.string() }, { noNullPrototype: true })),
})

test('what is encoded is decoded', () => {
  fc.assert(
    fc.property(outer, (value) => {
      const encoded = concatenate([
        integer(1, value.integer),
        float(2, value.single),
        double(3, value.number),
        text(4, value.text),
        bytes(5, value.data),
        doubles(6, value.doubles),
        integers(7, value.integers),
        ...value.inner.map((one) => message(1000, [integer(1, one.number), text(300, one.text)])),
      ])
      const decoded = Outer.toObject(Outer.decode(encoded), { longs: Number, arrays: true, bytes: Array })
      assert.equal(decoded, { ...value, data: [...value.data] })
    }),
    { numRuns: 500 },
  )
})

test('integers at the edges, byte by byte', () => {
  // The examples of the encoding's documentation, and -1 in ten bytes.
  assert.equal([...integer(1, 150)], [0x08, 0x96, 0x01])
  assert.equal([...text(2, 'testing')], [0x12, 7, ...new TextEncoder().encode('testing')])
  assert.equal([...integer(1, 0)], [0x08, 0])
  assert.equal([...integer(1, -1)], [0x08, ...new Array(9).fill(0xff), 0x01])
  assert.equal([...integers(3, [])], [])
})

test.run()
