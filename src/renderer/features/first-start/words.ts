/** What the first start says. */
export const words = {
  progress: 'Steps',
  steps: { name: 'Name', devices: 'Devices', ready: 'Ready' },
  welcome: 'Meetings that only the people in them can hear and see',
  lead: 'What is your name? Others in a meeting see it; servers never do.',
  name: 'Your name',
  next: 'Next',
  back: 'Back',
  devices: 'Try your camera and microphone',
  devicesLead: 'Both are off until you switch them on. You can also join without them.',
  ready: 'Ready',
  keptIdentity: 'Your identity key stays in this computer’s keychain.',
  guestIdentity: 'As a guest. Nothing is kept when you close Conclave.',
  start: 'Start using Conclave',
  guestInstead: 'Use it once as a guest',
  asGuest: 'Continue as guest',
  noKeychain: 'This computer’s keychain cannot be used',
  noKeychainWhy:
    'Conclave keeps your identity key there and nowhere else. You can go on as a guest: others will not recognise you next time, and nothing is kept.',
  keychainSays: 'The keychain says:',
} as const;
