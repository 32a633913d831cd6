-- wrk: blocks in random order, over the paths in the file that BLOCK_PATHS names.
local requests = {}
local threads = 0

function setup(thread)
    thread:set("seed", threads)
    threads = threads + 1
end

function init()
    math.randomseed(1 + seed)
    for path in io.lines(os.getenv("BLOCK_PATHS")) do
        requests[#requests + 1] = wrk.format("GET", path)
    end
end

function request()
    return requests[math.random(#requests)]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
