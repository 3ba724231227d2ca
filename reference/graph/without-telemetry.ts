// Turns ONNX Runtime's telemetry off, by being imported before the runtime.

// Since 1.30 the runtime would write a device id and a database into the home's cache and a log into the temp folder, and
// upload what it counts. It looks at this variable while it is loaded; any value but 0 and the empty one turns it off, and
// who has set one has chosen. Only the main thread's variables reach it.
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
