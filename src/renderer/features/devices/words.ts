/** What the device set-up says. */
export const words = {
  title: 'Camera and microphone',
  mirror: 'Your camera, mirrored',
  cameraOff: 'Camera is off',
  cameraStarting: 'Starting the camera …',
  microphoneOn: 'Microphone on',
  microphoneOff: 'Microphone off',
  cameraIsOn: 'Camera on',
  cameraIsOff: 'Camera off',
  meter: 'Microphone level',
  speak: 'Say something. The bar moves when your microphone picks you up.',
  silent: 'Your microphone is off.',
  camera: 'Camera',
  microphone: 'Microphone',
  speaker: 'Speaker',
  standard: 'System default',
} as const;
