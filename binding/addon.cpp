// The addon's export table: everything JavaScript can reach. lib/native.ts types it.
#include <napi.h>

#include "binding/call.h"
#include "binding/cancel.h"
#include "binding/device.h"
#include "binding/network.h"
#include "binding/random.h"
#include "binding/session.h"

namespace deepzero::binding {

Napi::Object fill(Napi::Env env, Napi::Object table) {
  env.SetInstanceData(new Calls(env));

  table.Set("Session", SessionWrap::define(env));
  table.Set("Cancel", CancelWrap::define(env));
  table.Set("describe", Napi::Function::New<describe>(env, "describe"));
  table.Set("device", Napi::Function::New<device>(env, "device"));
  table.Set("cuda", Napi::Function::New<cuda_devices>(env, "cuda"));
  table.Set("instructionSets", Napi::Function::New<instruction_sets>(env, "instructionSets"));
  table.Set("randomWords", Napi::Function::New<random_words_into>(env, "randomWords"));
  table.Set("randomNormal", Napi::Function::New<random_normal_into>(env, "randomNormal"));
  return table;
}

}  // namespace deepzero::binding

using deepzero::binding::fill;
NODE_API_MODULE(deepzero_native, fill)
