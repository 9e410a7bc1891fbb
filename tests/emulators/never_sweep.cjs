// Loaded into Azurite before it starts, so that it keeps what was replaced or deleted.
// Ten minutes after its start, and every ten after that, it removes such data one by one, each in time that grows
// with all that there is, and answers nobody meanwhile: after 22,000 replaced blobs for longer than 100 s.

const constants = require("azurite/dist/src/blob/utils/constants");

if (!("DEFAULT_GC_INTERVAL_MS" in constants)) throw new Error("this Azurite sweeps by another constant");
constants.DEFAULT_GC_INTERVAL_MS = 2 ** 31 - 1; // ms, 25 days: the longest that Node can wait
