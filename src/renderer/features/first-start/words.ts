/** What the first start says. */
export const words = {
  progress: 'Steps',
  steps: { name: 'Name', devices: 'Devices', ready: 'Ready' },
  welcome: 'Meetings that only the people in them can hear and see',
  lead: 'What is your name? People in your meetings will see it; the servers never do.',
  name: 'Your name',
  next: 'Next',
  back: 'Back',
  devices: 'Try your camera and microphone',
  devicesLead: 'Both stay off until you turn them on. You can also join without them.',
  ready: 'Ready',
  keptIdentity: 'Your identity key stays in this computer’s keychain.',
  guestIdentity: 'You are a guest. Nothing is saved when you close Conclave.',
  start: 'Start using Conclave',
  guestInstead: 'Continue as a guest instead',
  asGuest: 'Continue as guest',
  noKeychain: 'Conclave cannot use this computer’s keychain',
  noKeychainWhy:
    'Conclave stores your identity key there and nowhere else. You can continue as a guest, but others will not recognise you next time, and nothing will be saved.',
  keychainSays: 'Details:',
} as const;
