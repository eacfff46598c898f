-- Orders for wrk: each a new guest with a new key, or (mode "same") the same few keys over and over.
local mode, seed = "new", 0
local counter = 0
local thread_number = 0
local threads = {}

function setup(thread)
  thread:set("thread_number", #threads)
  table.insert(threads, thread)
end

function init(args)
  mode = args[1] or "new"
  seed = args[2] or "0"
  counter = 0
  offset = #seed * 1000003
  wrk.method = "POST"
  wrk.path = "/api/v1/orders"
  wrk.headers["Content-Type"] = "application/json"
  bad = 0
  replayed = 0
end

local form = '{"restaurant":"demo","customer":{"name":"Guest %s","email":"guest%s@example.com","phone":"+34 91%07d"},'
  .. '"fulfilment":{"type":"pickup"},"lines":[{"item":"patatas-bravas","quantity":2},{"item":"pan-tomate","quantity":1},'
  .. '{"item":"croquetas","quantity":1}],"coupon":"WELCOME10","tip":100}'

function request()
  counter = counter + 1
  local number = counter
  if mode == "same" then number = counter % 50 end
  local id = seed .. "x" .. thread_number .. "x" .. number
  wrk.headers["Idempotency-Key"] = id
  return wrk.format(nil, nil, nil, form:format(id, id, (thread_number * 5000000 + number + offset) % 10000000))
end

function response(status, headers, body)
  if status ~= 201 then bad = bad + 1; if bad == 1 then print("BAD " .. status .. " " .. body) end end
end

function done(summary, latency, requests)
  local bad_in_all = 0
  for _, thread in ipairs(threads) do bad_in_all = bad_in_all + thread:get("bad") end
  print(string.format("RESULT requests=%d seconds=%.3f p50_ms=%.3f p99_ms=%.3f bad=%d errors=%d",
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, bad_in_all,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
