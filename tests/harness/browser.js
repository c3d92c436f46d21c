// What the page of the tests can do: publish into a room as livekit-client does it, and play a file.
"use strict";

const CELLS = 20;
const until = (target, event) =>
  new Promise((done) => target.addEventListener(event, done, { once: true }));

// The test picture of picture.py: number in cells at the top, a flash in the lower half each second.
class TestPicture {
  constructor({ width, height, fps, number = 0 }) {
    this.canvas = document.createElement("canvas");
    this.paint = this.canvas.getContext("2d", { alpha: false });
    this.fps = fps;
    this.number = number;
    this.resize(width, height);
    this.stream = this.canvas.captureStream(0);
    this.track = this.stream.getVideoTracks()[0];
    this.timer = setInterval(() => this.draw(), 1000 / fps);
  }

  resize(width, height) {
    Object.assign(this.canvas, { width, height });
    this.draw();
  }

  draw() {
    const { width, height } = this.canvas;
    const fill = (colour, x, y, right, bottom) => {
      this.paint.fillStyle = colour;
      this.paint.fillRect(x, y, right - x, bottom - y);
    };
    const number = this.number++ % 65536;
    fill("#5566aa", 0, 0, width, height);
    const left = (number * 4) % width;
    fill("#aa5533", left, height * 0.2, left + width / 8, height * 0.45);
    if (number % this.fps < 2) fill("#fff", 0, height / 2, width, height);
    const bits = [...number.toString(2).padStart(16, "0")].map(Number);
    const parity = bits.reduce((sum, bit) => sum + bit, 0) % 2;
    [1, 0, ...bits, parity, 1].forEach((bit, cell) => {
      const edge = (at) => Math.round((at * width) / CELLS);
      fill(bit ? "#fff" : "#000", edge(cell), 0, edge(cell + 1), Math.floor(height / 8));
    });
    if (this.track) this.track.requestFrame();
  }
}

// A beep of 1 kHz at the begin of each second.
function makeBeeps() {
  const context = new AudioContext({ sampleRate: 48000 });
  const second = context.createBuffer(1, 48000, 48000);
  const tone = second.getChannelData(0);
  for (let at = 0; at < 4800; at++) tone[at] = 0.5 * Math.sin((2 * Math.PI * at) / 48);
  const source = new AudioBufferSourceNode(context, { buffer: second, loop: true });
  const out = context.createMediaStreamDestination();
  source.connect(out);
  source.start();
  return out.stream.getAudioTracks()[0];
}

const publisher = {
  async join(url, token) {
    this.room = new LivekitClient.Room();
    await this.room.connect(url, token);
    this.me = this.room.localParticipant;
  },

  // As an application does it that asks for nothing in particular.
  async publishCamera() {
    await this.me.setMicrophoneEnabled(true);
    await this.me.setCameraEnabled(true);
  },

  async publishCanvas({ codec, simulcast, bitrate, ...size }) {
    this.picture = new TestPicture(size);
    const source = LivekitClient.Track.Source;
    await this.me.publishTrack(makeBeeps(), { source: source.Microphone, dtx: false });
    await this.me.publishTrack(this.picture.track, {
      source: source.Camera,
      videoCodec: codec,
      simulcast,
      videoEncoding: { maxBitrate: bitrate, maxFramerate: size.fps },
      degradationPreference: "maintain-resolution",
    });
  },

  // Another camera behind the same publication, as livekit-client switches devices.
  async switchCamera(size) {
    const former = this.picture;
    clearInterval(former.timer);
    this.picture = new TestPicture({ ...size, fps: former.fps, number: former.number });
    await this.me.getTrackPublication("camera").videoTrack.replaceTrack(this.picture.track);
  },

  get sender() {
    return this.me.getTrackPublication("camera").track.sender;
  },

  // Only so many of the simulcast layers go on, from the lowest, as on a bad uplink.
  async sendLayers(count) {
    const parameters = this.sender.getParameters();
    parameters.encodings.forEach((encoding, at) => (encoding.active = at < count));
    await this.sender.setParameters(parameters);
  },
};

// The number that the shown picture carries, or null; see picture.py.
function readNumber(video, paint) {
  const height = video.videoHeight / 8;
  paint.imageSmoothingQuality = "medium";
  paint.drawImage(video, 0, height / 4, video.videoWidth, height / 2, 0, 0, CELLS, 1);
  const data = paint.getImageData(0, 0, CELLS, 1).data;
  const cells = Array.from({ length: CELLS }, (_, cell) => data[cell * 4 + 1]);
  const bits = cells.map((value) => Number(value > (cells[0] + cells[1]) / 2));
  const isOdd = bits.slice(2, 19).reduce((sum, bit) => sum + bit, 0) % 2;
  if (cells[0] - cells[1] < 60 || isOdd || !bits[19]) return null;
  return parseInt(bits.slice(2, 18).join(""), 2);
}

// Plays a file to its end, then seeks into its middle; tells what was seen on the way.
async function play(path, rate) {
  const blob = await (await fetch(path)).blob();
  const video = document.createElement("video");
  const paint = new OffscreenCanvas(CELLS, 1).getContext("2d", { willReadFrequently: true });
  const told = { sizes: [], shown: [], ended: false, sought: null };
  const look = (_, { mediaTime }) => {
    if (told.ended) return;
    const { videoWidth: width, videoHeight: height } = video;
    const last = told.sizes.at(-1);
    if (!last || last[1] !== width || last[2] !== height) told.sizes.push([mediaTime, width, height]);
    told.shown.push([mediaTime, readNumber(video, paint)]);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  document.body.append(video);
  const failed = until(video, "error");
  const next = (event) => Promise.race([until(video, event), failed.then(() => false)]);
  video.src = URL.createObjectURL(blob);
  video.playbackRate = rate;
  video.play().catch(() => {});
  told.ended = Boolean(await next("ended"));
  told.position = video.currentTime;
  told.duration = video.duration;
  told.pictures = video.getVideoPlaybackQuality().totalVideoFrames;
  told.sound = video.webkitAudioDecodedByteCount;
  if (told.ended) {
    video.currentTime = video.duration / 2;
    await next("seeked");
    told.sought = video.currentTime;
  }
  told.error = video.error && `${video.error.code}: ${video.error.message}`;
  video.remove();
  URL.revokeObjectURL(video.src);
  return told;
}
