#!/bin/sh
# Locked dependencies in one layer that a change of code leaves alone: a virtual environment without pip, compiled ahead,
# because the root file system is read-only at run time. The argument is a file of requirements with hashes.
# ONNX Runtime's tools for making models, sources and tests of libraries have no work to do in a server; what makes variants of a
# model (quantization, transformers, onnx) has some in the Job that resolves, and is loaded there alone.
set -eu
python3 -m venv /opt/build
python3 -m venv --without-pip /opt/venv
packages="$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
echo /app > "$packages/application.pth"
printf '#!/opt/venv/bin/python\nimport sys\n\nfrom serin_server.cli import main\n\nsys.exit(main())\n' > /opt/venv/bin/serin-server
chmod 755 /opt/venv/bin/serin-server
/opt/build/bin/pip --python /opt/venv/bin/python install --disable-pip-version-check --no-cache-dir --no-compile \
  --only-binary :all: --require-hashes -r "$1"
rm -rf "$packages"/onnxruntime/tools "$packages"/onnxruntime/transformers/models "$packages"/onnx/backend/test \
  "$packages"/onnxruntime/backend "$packages"/onnxruntime/datasets "$packages"/numpy/f2py \
  "$packages"/simdjson/simdjson.h "$packages"/simdjson/simdjson.cpp
# The collector speaks to buckets by obstore; Arrow's own way there, and its RPC, are a third of it.
rm -rf "$packages"/pyarrow/include "$packages"/pyarrow/libarrow_flight* "$packages"/pyarrow/_flight* \
  "$packages"/pyarrow/libarrow_s3* "$packages"/pyarrow/_s3fs*
find /opt/venv -type d -name tests -prune -exec rm -rf {} +
/opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv
# What was taken away is missed by nobody.
[ ! -d "$packages"/onnxruntime ] || /opt/venv/bin/python -c 'import onnxruntime.quantization, onnxruntime.transformers.float16, yaml'
rm -rf /opt/build
