"""Invented label files in the formats of MSP-IMPROV and MSP-Podcast, and sounds that fit them. No value is theirs."""

from pathlib import Path

from tests.worlds.release import write_sound

IMPROV = """\
UTD-IMPROV-S01A-F01-S-FM02.avi; A; A:1.500000; V:1.500000; D:4.000000 ; N:4.000000;
first-1; Angry; Angry,Frustrated; A:1.000000; V:1.000000; D:4.000000; N:4.000000;
second_2; Angry; Annoyed (a bit; loud); A:2.000000; V:2.000000; D:NaN; N:NaN;

UTD-IMPROV-S01A-F01-S-MF01.avi; S; A:4.500000; V:2.000000; D:2.000000 ; N:3.000000;
first-1; Sad; Sad; A:5.000000; V:2.000000; D:2.000000; N:3.000000;
first-1; Sad; Sad; A:4.000000; V:2.000000; D:2.000000; N:3.000000;
second_2; Sad; Sad; A:5.000000; V:2.000000; D:2.000000; N:3.000000;
second_2; Sad; Sad; A:5.000000; V:2.000000; D:2.000000; N:3.000000;

UTD-IMPROV-S05H-M03-T-MF01.avi; H; A:2.000000; V:4.500000; D:3.000000 ; N:4.000000;
third3; Happy; ; A:2.000000; V:4.500000; D:3.000000; N:4.000000;
"""
"""Two turns of one scenario by its two actors, a remark with a semicolon, missing dominance, repeated raters."""

AROUSAL = {  # by hand: 6 - A
    ("MSP-IMPROV-S01A-F01-S-FM02", "first-1"): 5.0,
    ("MSP-IMPROV-S01A-F01-S-FM02", "second_2"): 4.0,
    ("MSP-IMPROV-S01A-F01-S-MF01", "first-1"): 1.5,  # rated twice, 5 and 4
    ("MSP-IMPROV-S01A-F01-S-MF01", "second_2"): 1.0,
    ("MSP-IMPROV-S05H-M03-T-MF01", "third3"): 4.0,
}

CONSENSUS = """\
FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
MSP-PODCAST_0001_0001.wav,A,6.2,1.8,5.4,17,Male,Train
MSP-PODCAST_0001_0002.wav,N,4,4,4,17,Male,Train
MSP-PODCAST_0002_0001.wav,X,1,7,3.5,23,Female,Test1
MSP-PODCAST_0003_0001.wav,H,5,6,4,Unknown,Unknown,Test2
"""

PACKED = """\
FileName,EmoDetail
MSP-PODCAST_0001_0001.wav,"WORKER1; Angry; Annoyed, Angry; A:7.000000; V:2.000000; D:6.000000;"
MSP-PODCAST_0001_0001.wav,"WORKER2; Other-so; so; ; A:5.000000; V:1.000000; D:5.000000;"
MSP-PODCAST_0002_0001.wav,"WORKER1; Happy; Happy; A:1.000000; V:7.000000; D:3.000000;"
"""

DETAILED = """\
FileName,Workers,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom
MSP-PODCAST_0001_0001.wav,WORKER1,Angry,"Annoyed,Angry",7,2,6
MSP-PODCAST_0001_0001.wav,WORKER2,Other,so,5,1,5
MSP-PODCAST_0002_0001.wav,WORKER1,Happy,Happy,1,7,3
"""

TEXT = """\
MSP-PODCAST_0001_0001.wav; A; A:6.000000; V:1.500000; D:5.500000;
WORKER1; Angry; Annoyed,Angry; A:7.000000; V:2.000000; D:6.000000;
WORKER2; Other; so; A:5.000000; V:1.000000; D:5.000000;

MSP-PODCAST_0002_0001.wav; H; A:1.000000; V:7.000000; D:3.000000;
WORKER1; Happy; Happy; A:1.000000; V:7.000000; D:3.000000;
"""


def improv(folder: Path) -> Path:
    """MSP-IMPROV's layout below a folder; returns the label file."""
    for name in {name for name, _ in AROUSAL}:
        sentence, actor, scenario = name.split("-")[2:5]
        write_sound(folder / f"Audio/session{int(actor[1:])}/{sentence}/{scenario}/{name}.wav", 8000)
    (folder / "Audio/session1/S01A/S/._MSP-IMPROV-S01A-F01-S-FM02.wav").write_bytes(b"\0")
    (folder / "Evalution.txt").write_text(IMPROV)
    return folder / "Evalution.txt"


def podcast(folder: Path) -> Path:
    """MSP-Podcast's layout below a folder; returns the folder of the labels."""
    for line in CONSENSUS.splitlines()[1:]:
        write_sound(folder / "Audios" / line.split(",")[0], 8000)
    labels = folder / "Labels"
    labels.mkdir(parents=True)
    (labels / "labels_consensus.csv").write_text(CONSENSUS)
    (labels / "packed.csv").write_text(PACKED)
    (labels / "detailed.csv").write_text(DETAILED)
    (labels / "labels.txt").write_text(TEXT)
    return labels
