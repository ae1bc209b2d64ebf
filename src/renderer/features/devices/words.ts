/** What the device set-up says. */
export const words = {
  title: 'Camera and microphone',
  mirror: 'Your camera, as in a mirror',
  cameraOff: 'Camera is off',
  cameraStarting: 'Camera is starting …',
  microphoneOn: 'Microphone on',
  microphoneOff: 'Microphone off',
  cameraIsOn: 'Camera on',
  cameraIsOff: 'Camera off',
  meter: 'Loudness of your microphone',
  speak: 'Say something: the bar moves when you can be heard.',
  silent: 'Your microphone is off.',
  camera: 'Camera',
  microphone: 'Microphone',
  speaker: 'Speaker',
  standard: 'System default',
} as const;
