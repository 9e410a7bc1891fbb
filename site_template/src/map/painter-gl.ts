import { type Painter, resized } from "./painter.ts";
import { STEPS } from "./view.ts";

const VERTEX = `#version 300 es
in vec2 place;
in vec4 colour;
uniform vec2 middle;
uniform vec2 scale;
uniform float size;
out vec4 shade;
void main() {
  gl_Position = vec4((place - middle) * scale, 0.0, 1.0);
  gl_PointSize = size;
  shade = colour;
}`;

/** A disc with a soft edge of one device pixel. */
const FRAGMENT = `#version 300 es
precision highp float;
in vec4 shade;
uniform float size;
out vec4 pixel;
void main() {
  float inward = (0.5 - length(gl_PointCoord - 0.5)) * size;
  float alpha = clamp(inward, 0.0, 1.0);
  if (alpha == 0.0) discard;
  pixel = vec4(shade.rgb * alpha, alpha);
}`;

/** Points by WebGL 2: a frame sets five numbers and draws once. Null where there is none. */
export function glPainter(canvas: HTMLCanvasElement, xy: Uint16Array): Painter | null {
  const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
  const program = gl && linked(gl);
  if (!gl || !program) return null;
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const uniform = (name: string) => gl.getUniformLocation(program, name);
  const [middle, scale, dot] = [uniform("middle"), uniform("scale"), uniform("size")];
  attribute(gl, gl.getAttribLocation(program, "place"), 2, gl.UNSIGNED_SHORT);
  gl.bufferData(gl.ARRAY_BUFFER, xy, gl.STATIC_DRAW);
  const colours = attribute(gl, gl.getAttribLocation(program, "colour"), 4, gl.UNSIGNED_BYTE);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  let n = 0;
  return {
    colour(rgba, order) {
      gl.bindBuffer(gl.ARRAY_BUFFER, colours);
      gl.bufferData(gl.ARRAY_BUFFER, rgba, gl.STATIC_DRAW);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, order, gl.STATIC_DRAW);
      n = order.length;
    },
    paint(view, size, ratio, radius) {
      resized(canvas, size, ratio);
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.uniform2f(middle, view.x / STEPS, view.y / STEPS);
      gl.uniform2f(scale, (2 * STEPS * view.scale) / size.width, (2 * STEPS * view.scale) / size.height);
      gl.uniform1f(dot, 2 * radius * ratio + 1);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.drawElements(gl.POINTS, n, gl.UNSIGNED_INT, 0);
    },
  };
}

/** A buffer of so many whole numbers a point, read as 0..1; it is left bound. */
function attribute(gl: WebGL2RenderingContext, at: number, width: number, type: number): WebGLBuffer | null {
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.enableVertexAttribArray(at);
  gl.vertexAttribPointer(at, width, type, true, 0, 0);
  return buffer;
}

function linked(gl: WebGL2RenderingContext): WebGLProgram | null {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type);
    if (shader === null) return null;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}
