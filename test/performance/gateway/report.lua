-- The result of wrk as one line of JSON, behind whatever it prints itself. Times are in microseconds.
function done(summary, latency)
  local errors = 0
  for _, count in pairs(summary.errors) do errors = errors + count end
  io.write(string.format('\n{"requests":%d,"duration":%d,"errors":%d,"p50":%d,"p99":%d}\n',
    summary.requests, summary.duration, errors, latency:percentile(50), latency:percentile(99)))
end
