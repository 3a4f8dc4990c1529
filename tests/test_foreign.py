"""Settings of other studios, read out of real files and taken over with a note for all that does not fit."""

import json
import time

import foreign_samples as samples
import pytest
import uploads
from foreign_samples import FLUX, FOX, LAMP, TEA, TOWN, WAN, WORKFLOW, default_graph, in_picture, in_png, swarm, wan2gp
from hypothesis import given
from hypothesis import strategies as st

from pipelines.settings import ImageSettings
from studio.intake import take
from studio.intake.foreign import Foreign, read_foreign, to_image_settings
from studio.intake.foreign.a1111 import parse_pairs, parse_parameters
from studio.intake.foreign.mapping import _SOLVERS


@pytest.fixture
def dropped(tmp_path):
    def drop(data, name="dropped"):
        (tmp_path / "file").write_bytes(data)
        return take(tmp_path / "file", name)

    return drop


def video(kind="mp4", **texts):
    metadata = {key: text if isinstance(text, str) else json.dumps(text) for key, text in texts.items()}
    options = {"movflags": "use_metadata_tags"} if kind == "mp4" and set(texts) - {"comment"} else {}
    return uploads.video(kind, metadata, **options)


# What must be read: studio, words, words to avoid, seed, steps, guidance, size, model, sampler.
TOWN_READ = (
    "AUTOMATIC1111",
    "masterpiece, best quality, (old harbour town:1.2), cobblestones,\nevening light <lora:paper_cut_v2:0.8>",
    *("lowres, (bad hands:1.4),\ntext, watermark", 3421870116, 28, 7, (512, 768), "dreamshaper_8", "DPM++ 2M"),
)
FOX_READ = (
    "Forge",
    "a fox reading a newspaper, watercolour",
    "",
    910,
    20,
    1,
    (896, 1152),
    "flux1-dev-bnb-nf4-v2",
    "Euler",
)
TEA_READ = ("AUTOMATIC1111", "茶を飲む猫、水彩", "ぼやけた", 77, 30, 5.5, (640, 640), "counterfeit_v30", "Euler a")
LAMP_READ = ("AUTOMATIC1111", "a brass lamp", "", 5, 9, 3, (64, 96), "odd, name", "Heun")
BOTTLE_READ = (
    *("ComfyUI", "beautiful scenery glass bottle", "text, watermark", 156680208700286, 20, 8, (512, 512)),
    *("v1-5-pruned-emaonly", "euler"),
)
CUP_READ = ("ComfyUI", "a cup of coffee that says hello", "", 219670278, 24, 3.5, (1024, 768), "flux1-dev", "euler")
BOAT_READ = (
    *("ComfyUI", "a paper boat drifts down a gutter", "static, blurred", 4004, 8, 3.5, (832, 480)),
    *("wan2.2_i2v_high_noise_14B", "uni_pc"),
)
KITE_READ = ("ComfyUI", "a red kite", "blurry", 42, 25, 6.5, (64, 96), "sd_xl_base_1.0", "heun")
CAT_READ = ("SwarmUI", "a cat on a windowsill", "dog", 1843, 20, 7, (1024, 1024), "sd_xl_base_1.0", "euler")
STORM_READ = ("Wan2GP", "a lighthouse in a storm", "cartoon", 20931, 30, 5, (832, 480), "t2v", "unipc")

SAMPLES = {
    "a1111 png": (lambda: in_png(parameters=TOWN), TOWN_READ),
    "a1111 png behind the pixels": (lambda: samples.in_text_behind_the_pixels(TOWN), TOWN_READ),
    "a1111 jpeg big-endian": (lambda: in_picture("jpg", text=TOWN), TOWN_READ),
    "a1111 jpeg little-endian": (lambda: in_picture("jpg", text=TEA, order="le"), TEA_READ),
    "a1111 webp big-endian": (lambda: in_picture("webp", text=TEA), TEA_READ),
    "a1111 avif": (lambda: in_picture("avif", text=LAMP), LAMP_READ),
    "a1111 jpeg ascii": (lambda: in_picture("jpg", text=FOX, code=b"ASCII\0\0\0"), FOX_READ),
    "a1111 text file": (lambda: TOWN.encode(), TOWN_READ),
    "a1111 windows line ends": (lambda: in_png(parameters=TOWN.replace("\n", "\r\n")), TOWN_READ),
    "a1111 gif comment": (lambda: uploads.picture("gif", comment=LAMP.encode()), LAMP_READ),
    "forge png": (lambda: in_png(parameters=FOX), FOX_READ),
    "forge webp": (lambda: in_picture("webp", text=FOX), FOX_READ),
    "forge jpeg": (lambda: in_picture("jpg", text=FOX, order="le"), FOX_READ),
    "civitai png": (lambda: in_png(parameters=LAMP), LAMP_READ),
    "comfyui png": (lambda: in_png(prompt=default_graph(), workflow=WORKFLOW), BOTTLE_READ),
    "comfyui png, flux": (lambda: in_png(prompt=FLUX), CUP_READ),
    "comfyui png, editor's graph only": (lambda: in_png(workflow=WORKFLOW), KITE_READ),
    "comfyui webp exif": (
        lambda: samples.animated(
            tags={0x0110: "prompt:" + json.dumps(FLUX), 0x010F: "workflow:" + json.dumps(WORKFLOW)}
        ),
        CUP_READ,
    ),
    "comfyui mp4 comment": (
        lambda: video(comment={"prompt": json.dumps(WAN), "workflow": WORKFLOW, "CreationTime": "2025"}),
        BOAT_READ,
    ),
    "comfyui mp4 tags": (lambda: video(prompt=WAN, workflow=WORKFLOW), BOAT_READ),
    "comfyui webm tags": (lambda: video("webm", prompt=WAN), BOAT_READ),
    "comfyui flac tags": (lambda: uploads.sound("flac", {"prompt": json.dumps(default_graph())}), BOTTLE_READ),
    "comfyui workflow file": (lambda: json.dumps(WORKFLOW).encode(), KITE_READ),
    "comfyui api file": (lambda: json.dumps(default_graph()).encode(), BOTTLE_READ),
    "swarm png": (lambda: in_png(parameters=swarm()), CAT_READ),
    "swarm jpeg": (lambda: in_picture("jpg", text=swarm()), CAT_READ),
    "swarm webp": (lambda: in_picture("webp", text=swarm(), order="le"), CAT_READ),
    "swarm mp4": (lambda: video(comment=swarm()), CAT_READ),
    "swarm file": (lambda: json.dumps(swarm(), indent=2).encode(), CAT_READ),
    "wan2gp mp4": (lambda: video(comment=wan2gp()), STORM_READ),
    "wan2gp jpeg": (lambda: in_picture("jpg", text=wan2gp()), STORM_READ),
    "wan2gp png": (lambda: in_png(comment=wan2gp()), STORM_READ),
    "wan2gp webm": (lambda: video("webm", comment=wan2gp()), STORM_READ),
    "wan2gp settings file": (lambda: json.dumps(wan2gp()).encode(), STORM_READ),
    "wan2gp without its name": (lambda: video(comment=wan2gp(type="my own finetune")), STORM_READ),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_what_another_studio_wrote_is_read(dropped, name):
    made, read = SAMPLES[name]
    taken = dropped(made())
    found = taken.foreign
    assert (found.studio, found.prompt, found.negative_prompt, found.seed, found.steps) == read[:5]
    assert (found.guidance, found.size, found.model, found.sampler) == read[5:]
    assert taken.studio == found.studio and taken.unknown == found.everything != {}
    if taken.medium in ("image", "settings"):
        assert taken.settings.prompt.split(",")[0] == found.prompt.split(",")[0]
        assert any(note.startswith("model: it was made with") for note in taken.notes)
    else:
        assert taken.settings is None and any("there are no settings here for its kind yet" in n for n in taken.notes)


def test_every_studio_has_samples():
    studios = [read[0] for _, read in SAMPLES.values()]
    assert min(studios.count(s) for s in ("AUTOMATIC1111", "Forge", "ComfyUI", "SwarmUI", "Wan2GP")) >= 3


def test_what_fits_is_taken_over_exactly(dropped):
    taken = dropped(in_png(parameters=LAMP))
    assert taken.settings == ImageSettings(
        prompt="a brass lamp", seed=5, steps=9, guidance=3, width=64, height=96, solver="heun", style="none"
    )
    assert taken.notes == (
        "its settings were written by AUTOMATIC1111",
        "model: it was made with odd, name; the starter model is used and will not make the same picture",
    )
    everything = taken.unknown
    assert everything["Civitai resources"][0]["modelName"] == "A, B" and everything["Civitai metadata"] == {}
    assert everything["Hires prompt"] == 'a "big" lamp, gold'
    assert everything["Template"] == "a {brass|steel} lamp" and everything["Negative Template"] == "none"


def test_what_does_not_fit_is_changed_and_said():
    settings, notes = to_image_settings(
        Foreign("X", "y" * 1200, "z" * 1200, 2**32 + 5, 900, 0.5, (4096, 512), "big_model", "DPM++ SDE")
    )
    assert settings == ImageSettings(
        prompt="y" * 1000, negative_prompt="z" * 1000, seed=5, steps=200, guidance=1, width=128, height=32, style="none"
    )
    assert notes == [
        "prompt: 1,200 characters, at most 1,000; the rest is left out",
        "negative prompt: 1,200 characters, at most 1,000; the rest is left out",
        "seed: 4294967301 is above 4294967295; its remainder 5 is used",
        "steps: 900 is outside 1 to 200; 200 is used",
        "guidance: 0.5 is outside 1 to 20; 1 is used",
        "size: 4096 x 512 is not one that is made here (32 to 128); 128 x 32 is used",
        "sampler: DPM++ SDE has no counterpart here; ab2 is used",
        "model: it was made with big_model; the starter model is used and will not make the same picture",
    ]


def test_networks_and_sources_that_are_missing_are_said(dropped):
    notes = dropped(in_png(parameters=TOWN)).notes
    assert "prompt: add-on networks are not known here and left out: paper_cut_v2" in notes
    assert "<lora" not in dropped(in_png(parameters=TOWN)).settings.prompt
    assert any(note.startswith("it was made from another picture") for note in dropped(in_png(parameters=TEA)).notes)


@pytest.mark.parametrize("seed", [-1, "-1", None, "random", 1.5, True])
def test_a_random_seed_stays_random(seed):
    for foreign in (
        read_foreign({"parameters": json.dumps(swarm(seed=seed))}),
        read_foreign({"comment": json.dumps(wan2gp(seed=seed))}),
        read_foreign({"prompt": json.dumps(default_graph(seed=seed))}),
    ):
        if foreign is not None:
            assert foreign.seed is None and to_image_settings(foreign)[0].seed is None


def test_without_a_prompt_nothing_is_filled_in(dropped):
    taken = dropped(in_png(parameters=swarm(prompt="  ")))
    assert taken.settings is None and taken.foreign.steps == 20
    assert any("wrote no prompt into it" in note for note in taken.notes)


def test_solvers_that_are_named_exist():
    for solver in _SOLVERS.values():
        assert ImageSettings(prompt="x", solver=solver).solver == solver


# -- ComfyUI's graphs --------------------------------------------------------------------------------------------------


def comfyui(graph):
    return read_foreign({"prompt": json.dumps(graph)})


def test_of_two_passes_the_first_counts():
    graph = default_graph() | {
        "20": {"class_type": "LatentUpscale", "inputs": {"width": 1024, "height": 1024, "samples": ["3", 0]}},
    }
    second = dict(default_graph()["3"]["inputs"], seed=1, steps=5, latent_image=["20", 0])
    for order in (("3", "21"), ("21", "3")):
        both = {"3": graph["3"], "21": {"class_type": "KSampler", "inputs": second}}
        found = comfyui({**{key: both[key] for key in order}, **{k: n for k, n in graph.items() if k != "3"}})
        assert (found.steps, found.seed, found.size) == (20, 156680208700286, (512, 512))


def test_words_are_followed_through_what_stands_between():
    graph = default_graph(positive=["30", 0], negative=["30", 1]) | {
        "30": {
            "class_type": "ControlNetApplyAdvanced",
            "inputs": {"positive": ["31", 0], "negative": ["7", 0], "control_net": ["33", 0], "strength": 1},
        },
        "31": {
            "class_type": "ConditioningCombine",
            "inputs": {"conditioning_1": ["6", 0], "conditioning_2": ["32", 0]},
        },
        "32": {"class_type": "CLIPTextEncode", "inputs": {"text": ["34", 0], "clip": ["4", 1]}},
        "33": {"class_type": "ControlNetLoader", "inputs": {"control_net_name": "depth.pth"}},
        "34": {"class_type": "StringConcatenate", "inputs": {"string_a": "at", "string_b": "dawn", "delimiter": " "}},
    }
    found = comfyui(graph)
    assert found.prompt.startswith("beautiful scenery glass bottle, at, dawn")
    assert found.negative_prompt == "text, watermark"
    zero = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}
    assert comfyui(default_graph(negative=["40", 0]) | {"40": zero}).negative_prompt == ""


def test_graphs_that_lead_back_into_themselves_end():
    loop = default_graph(positive=["50", 0], latent_image=["3", 0], seed=["51", 0]) | {
        "50": {"class_type": "Reroute", "inputs": {"any": ["50", 0], "other": ["52", 0]}},
        "51": {"class_type": "PrimitiveInt", "inputs": {"value": ["51", 0]}},
        "52": {"class_type": "Reroute", "inputs": {"any": ["50", 0]}},
    }
    found = comfyui(loop)
    assert found.prompt == "" and found.seed is None and found.size is None


def test_graphs_of_many_paths_take_no_time():
    layers = {
        str(n): {"class_type": "ConditioningCombine", "inputs": {f"c{k}": [str(n + 1), 0] for k in range(10)}}
        for n in range(100, 4000)
    }
    sampler = {"class_type": "KSampler", "inputs": dict(default_graph()["3"]["inputs"], positive=["100", 0])}
    samplers = {str(n): sampler for n in range(5000, 5900)}
    started = time.process_time()
    found = comfyui(default_graph(positive=["100", 0]) | layers | samplers)
    assert found is not None and time.process_time() - started < 2
    assert comfyui(default_graph() | {str(n): layers["100"] for n in range(100, 6000)}) is None  # too many nodes


def test_muted_and_unknown_nodes_do_no_harm():
    broken = {
        "nodes": [1, None, {"id": 3, "type": "KSampler", "widgets_values": "x", "inputs": 5}],
        "links": [[1], "x", {}],
    }
    assert read_foreign({"workflow": json.dumps(broken)}) is None
    assert read_foreign({"prompt": '{"1": {"class_type": "KSampler", "inputs": [1]}}'}) is None
    assert read_foreign({"prompt": "[" * 50_000}) is None


# -- the grammar -------------------------------------------------------------------------------------------------------


def test_pairs():
    line = 'Steps: 20, Sampler: Euler a, A: "x, y: \\"z\\"", B: [1, {"c": "d, e"}], C: "open, D: {bad, Size: 1x2'
    assert parse_pairs(line) == {
        "Steps": "20",
        "Sampler": "Euler a",
        "A": 'x, y: "z"',
        "B": [1, {"c": "d, e"}],
        "C": '"open',
        "D": "{bad",
        "Size": "1x2",
    }


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40)
WORDS = WORDS.map(lambda text: text.strip()).filter(lambda text: not text.startswith(("Steps:", "Negative prompt:")))


@given(prompt=WORDS, negative=WORDS, seed=st.integers(0, 2**63), steps=st.integers(1, 500), quoted=WORDS)
def test_what_is_written_in_the_grammar_is_read_back(prompt, negative, seed, steps, quoted):
    text = (
        f"{prompt}\nNegative prompt: {negative}\nSteps: {steps}, Seed: {seed}, Note: {json.dumps(quoted)}, Size: 8x16"
    )
    found = parse_parameters(text)
    assert (found.prompt, found.negative_prompt, found.seed, found.steps) == (prompt, negative, seed, steps)
    assert found.size == (8, 16) and found.everything["Note"] == quoted


@given(st.text(max_size=400), st.sampled_from(["", "\nSteps: 1, ", "\nSteps: 20, Seed: -1, Size: x, "]))
def test_no_text_breaks_a_reader(text, line):
    for key in ("parameters", "prompt", "workflow", "comment"):
        found = read_foreign({key: text + line + text})
        if found is not None:
            to_image_settings(found)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8), lambda each: (
    st.lists(each, max_size=4) | st.dictionaries(
        st.sampled_from(["1", "class_type", "inputs", "nodes", "links", "positive", "negative", "seed", "text", "type",
                         "sui_image_params", "prompt", "settings_version", "model_type", "guider", "sigmas"]),
        each, max_size=6)), max_leaves=30))  # fmt: skip
def test_no_json_breaks_a_reader(value):
    text = json.dumps(value)
    for key in ("parameters", "prompt", "workflow", "comment", "json"):
        found = read_foreign({key: text})
        if found is not None:
            to_image_settings(found)


def test_long_lines_are_read_in_time():
    started = time.process_time()
    for line in (
        "Steps: 1, " + 'a: "' * 200_000,
        "Steps: 1, " + "a: [true, " * 100_000,
        "Steps: 1, " + "a" * 1_000_000,
    ):
        parse_parameters(line)
    assert time.process_time() - started < 2
